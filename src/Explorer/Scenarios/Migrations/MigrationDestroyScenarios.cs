using Livebed.Explorer.Beds.Migrations;
using Livebed.Kvm.Checks;
using Livebed.Kvm.UserSpace;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>User space destroys the VM, on either side, while it migrates.</summary>
internal static class MigrationDestroyScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new MigrationVsDestroy(),
        new DestroyWhileIncoming(),
        new DestroyVsInventory(),
    ];
}

/// <summary>
/// Claim: a destroy at any step of a migration cancels it, waits for its end and leaves nothing on either host, in the inventory or in the
/// hosts' books, also after the hand-over has failed. A VM that has moved before the cancel came goes on at the destination, with every
/// write (M2, M4, S11, the oracle).
/// </summary>
internal sealed class MigrationVsDestroy : Scenario
{
    public override string Name => "migration-vs-destroy";
    public override string Claim => "a VM that is destroyed while it migrates is gone, or has moved and goes on";
    public override bool IsDrawnFromSeed => true;

    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DestroyInMigration];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        var user = plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        if (plan.Random.Chance(0.5)) user.MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("admin").DestroyVm((TeardownOrder)plan.Random.Next(4), MigrationPlan.DrawDeath(plan));
        if (plan.Random.Next(6) is var loss and > 0 and <= (int)TakeOverLoss.Patience)
            plan.Actor("wire").LoseTakeOver((TakeOverLoss)loss);
        plan.Actor("hotplug").Plug().Unplug();
        plan.After(SurvivorCheck.AfterDestroyed);
    }
}

/// <summary>
/// Claim: a destroy at the destination, at any step of the migration that brings the VM, leaves nothing there. Before the VM is claimed it
/// stays at the source and runs on; after that it is gone on both hosts and in the inventory (M2, M3, M4, S11). The destroy may come
/// before the destination is asked to prepare, and in post-copy when the link is broken for good.
/// </summary>
internal sealed class DestroyWhileIncoming : Scenario
{
    private const int EarlyMax = 8;

    public override string Name => "destroy-while-incoming";
    public override string Claim => "a VM that is destroyed while it comes leaves nothing, and the source runs on or has none";
    public override bool IsDrawnFromSeed => true;

    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DestroyInMigration];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        var order = (TeardownOrder)plan.Random.Next(4);
        var isEarly = plan.Random.Next(4) == 0;
        plan.Actor("admin").DestroyIncomingVm(
            order, isEarly ? plan.Random.Next(EarlyMax) : MigrationPlan.DrawDeath(plan), waitsForPrepare: !isEarly);

        // Pages that never come keep no vCPU from being stopped.
        if (plan.Random.Chance(0.5))
            plan.Actor("wire").BreakLink(new LinkBreak(LinkMessage.Page, BrokenLink.Pages, IsRepaired: plan.Random.Chance(0.5)));
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: a VM is destroyed while the inventory is lost, or is replaced, and it leaves no entry there and none in a host's books (M2). The
/// answer to the removal may be lost with the inventory, and the answer to the first question of the migration because the source stands
/// still until it is given up. In some schedules the inventory goes when the destination has been granted the VM and is away for so long
/// that the source gives up: a destroy at the source takes nothing from the destination then.
/// </summary>
internal sealed class DestroyVsInventory : Scenario
{
    private const int LongShare = 16;
    private const int PauseShare = 4;
    private const int ReportMax = 20;

    // Longer than a message is on its way.
    private const int PauseMicroseconds = 400;
    private const int QuestionMax = 24;

    public override string Name => "destroy-vs-inventory";
    public override string Claim => "a VM that is destroyed while the inventory is lost leaves no entry, and takes none of another host";
    public override bool IsDrawnFromSeed => true;

    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DestroyWithoutInventory];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within with { Default = 120 }];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(1);
        var order = (TeardownOrder)plan.Random.Next(4);
        var isLong = plan.Random.Next(LongShare) == 0;

        // In post-copy both sides would look for each other all the time.
        plan.Actor("user").MigrateVm(
            isLong ? MigrationPlan.AfterRounds(plan.Parameter(MigrationPlan.Rounds.Name)) : MigrationPlan.AfterRoundsOf(plan));
        if (isLong)
        {
            plan.Actor("wire").LoseTakeOver(TakeOverLoss.Answer);
            plan.Actor("fate").LoseInventoryAtGrant();
            plan.Actor("admin").DestroyVmAfterMigration(order);
        }
        else if (plan.Random.Next(PauseShare) == 0)
        {
            plan.Actor("fate").MachineStandsStill(host: 0, 1 + plan.Random.Next(QuestionMax), PauseMicroseconds, isGivenUp: true);
            plan.Actor("admin").DestroyVm(order, PauseMicroseconds + QuestionMax + plan.Random.Next(QuestionMax));
        }
        else
        {
            var (lost, report) = (MigrationPlan.DrawDeath(plan), 1 + plan.Random.Next(ReportMax));
            plan.Actor("fate").ReplaceInventory(lost, report);
            plan.Actor("admin").DestroyVm(order, lost + plan.Random.Next(3 * report));
        }

        plan.After(SurvivorCheck.AfterAll);
    }
}
