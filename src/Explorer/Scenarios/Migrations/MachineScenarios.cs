using Livebed.Kvm.Checks;
using Livebed.Explorer.Beds.Migrations;
using Livebed.Kvm.Migration;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>A machine dies, stands still or answers twice while a VM migrates.</summary>
internal static class MachineScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new MigrationSourceDies(),
        new MigrationDestinationDies(),
        new MigrationInventoryDies(),
        new MigrationInventoryTwice(),
        new MigrationSourcePauses(),
        new MigrationDestinationPauses(),
        new MigrationPartition(),
        new MigrationFullHost(),
    ];
}

/// <summary>
/// Claim: the source's machine dies, at any step of the migration. If the destination owns the guest and has all of its pages, the guest
/// runs on there with every write (the oracle, M4). If pages died with the source it is reported as lost. A VM that the destination never
/// owned leaves nothing there (S11, M2).
/// </summary>
internal sealed class MigrationSourceDies : Scenario
{
    public override string Name => "migration-source-dies";
    public override string Claim => "when the source's machine dies the destination goes on, or goes away, as the inventory says";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DeathInMigration];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        var isLinkBroken = MigrationPlan.DrawBrokenLink(plan);
        plan.Actor("fate").MachineDies(host: 0, MigrationPlan.DrawDeath(plan, isLinkBroken));
        plan.After(SurvivorCheck.AfterSourceDied);
    }
}

/// <summary>
/// Claim: the destination's machine dies, at any step of the migration. The guest runs on at the source with every write (the oracle, M4),
/// unless the destination owned it already. A guest that died with its machine never runs again, and nothing of it is left at the source
/// (M2, M3, S11).
/// </summary>
internal sealed class MigrationDestinationDies : Scenario
{
    public override string Name => "migration-destination-dies";
    public override string Claim => "when the destination's machine dies the source goes on, or says what is lost, as the inventory says";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DeathInMigration];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        var isLinkBroken = MigrationPlan.DrawBrokenLink(plan);
        plan.Actor("fate").MachineDies(host: 1, MigrationPlan.DrawDeath(plan, isLinkBroken));
        plan.After(SurvivorCheck.AfterDestinationDied);
    }
}

/// <summary>
/// Claim: when the inventory's machine dies, at any step of the migration, the VM runs on exactly one host at the end (M2, M4). Grants and
/// refusals in flight are void once a new inventory has asked the host; a side that got one asks the new inventory. The request to take
/// over, or its answer, may be lost as well, those of the second offer too, and the destination's grant may be late.
/// </summary>
internal sealed class MigrationInventoryDies : Scenario
{
    private const int LateMax = 100;

    public override string Name => "migration-inventory-dies";
    public override string Claim => "whenever the inventory's machine dies, the VM runs on one host in the end";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.InventoryReplacedInMigration];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);

        // Only the inventory dies, but a call that is given up goes on in a lane of its own.
        plan.Options = plan.Options with { MachinesDie = true, ReportsBackwards = plan.Random.Chance(0.5) };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        DrawLosses(plan);
        plan.Actor("fate").ReplaceInventory(MigrationPlan.DrawDeath(plan));
        plan.After(SurvivorCheck.AfterInventoryDied);
    }

    /// <summary>The source hears nothing of its first offer, or of its first two.</summary>
    internal static void DrawLosses(ScenarioPlan plan, long patience = 0)
    {
        var losses = Enum.GetValues<TakeOverLoss>().Length;
        if ((TakeOverLoss)plan.Random.Next(losses) is var loss and not TakeOverLoss.None)
            plan.Actor("wire").LoseTakeOver(loss, patience, (TakeOverLoss)plan.Random.Next(losses));
        if (plan.Random.Chance(0.5)) plan.Actor("wire-to-inventory").InventoryAnswersLate(host: 1, 1 + plan.Random.Next(LateMax));
    }
}

/// <summary>
/// Claim: a second inventory begins while the first one goes on answering, everybody at first and then one of the hosts; or two begin at
/// the same time and choose the same term. What is granted to a host that a later one has asked counts for nothing, so the VM runs on one
/// host (M2, M4). It happens at any step, or when the destination has been granted the VM. The request to take over, or its answer, may be
/// lost as well, or comes when the source waits no more.
/// </summary>
internal sealed class MigrationInventoryTwice : Scenario
{
    private const int PatienceMax = 60;

    public override string Name => "migration-inventory-twice";
    public override string Claim => "an inventory that was replaced and goes on answering makes no second owner";
    public override bool IsDrawnFromSeed => true;

    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.InventoryReplacedInMigration];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        MigrationInventoryDies.DrawLosses(plan, plan.Random.Next(PatienceMax));
        plan.Actor("fate").ReplaceInventoryTwice(
            host: plan.Random.Next(2), plan.Random.Chance(0.5) ? MigrationPlan.DrawDeath(plan) : 0,
            1 + plan.Random.Next(plan.Parameter(MigrationPlan.Within.Name)), areTwo: plan.Random.Chance(0.5));
        plan.After(SurvivorCheck.AfterInventories);
    }
}

/// <summary>
/// Claim: the source's machine stands still at any step and goes on later, when its callers have given up, or have waited. Nothing of an
/// old epoch runs or writes then, and the VM runs on one host in the end or is reported as lost (M1, M2, M4, the oracle).
/// </summary>
internal sealed class MigrationSourcePauses : Scenario
{
    public override string Name => "migration-source-pauses";
    public override string Claim => "a source that stands still and comes back runs and writes nothing of an old epoch";
    public override bool IsDrawnFromSeed => true;

    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.StandstillInMigration];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("fate").MachineStandsStill(
            host: 0, MigrationPlan.DrawDeath(plan), 1 + plan.Random.Next(plan.Parameter(MigrationPlan.Within.Name)),
            plan.Random.Chance(0.5));
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: the destination's machine stands still at any step and goes on later, when its callers have given up, or have waited. Nothing of
/// an old epoch runs or writes then, and the VM runs on one host in the end or is reported as lost (M1, M2, M4, the oracle).
/// </summary>
internal sealed class MigrationDestinationPauses : Scenario
{
    public override string Name => "migration-destination-pauses";
    public override string Claim => "a destination that stands still and comes back runs and writes nothing of an old epoch";
    public override bool IsDrawnFromSeed => true;

    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.StandstillInMigration];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("fate").MachineStandsStill(
            host: 1, MigrationPlan.DrawDeath(plan), 1 + plan.Random.Next(plan.Parameter(MigrationPlan.Within.Name)),
            plan.Random.Chance(0.5));
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: the network falls into two parts, with the destination and the inventory in one of them. The others give the destination up, and
/// a new inventory begins without it. It grants the VM to the source, although the old one may have granted it to the destination, which
/// lives. The destination cannot renew its lease, so its guest has stopped when the source's goes on: the VM never runs on both (M2). No
/// write of the one that survives is lost (the oracle, M4).
/// </summary>
internal sealed class MigrationPartition : Scenario
{
    private const int LeaseMin = 20;
    private const int LeaseMax = 60;
    private const int Accesses = 80;

    public override string Name => "migration-partition";
    public override string Claim => "a destination that is cut off with the inventory stops before the source goes on";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PartitionInMigration];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with
        {
            MachinesDie = true,
            LeaseMicroseconds = LeaseMin + plan.Random.Next(LeaseMax - LeaseMin),

            // A guest that runs for a while: the lease has to end it, not its program.
            BatchAccesses = 1,
        };
        for (var vcpu = 0; vcpu < 2; vcpu++)
        {
            var guest = plan.Vcpu();
            for (var access = 0; access < Accesses; access++)
                _ = plan.Random.Chance(0.5) ? guest.Write(plan.Random.Next(2)) : guest.Read(plan.Random.Next(2));
        }

        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("fate").PartitionWithInventory(
            host: 1, plan.Random.Chance(0.7) ? 0 : MigrationPlan.DrawDeath(plan), 1 + plan.Random.Next(LeaseMin), plan.Random.Chance(0.3),
            lasts: 2 * LeaseMax, answersLate: plan.Random.Chance(0.5) ? plan.Random.Next(2 * LeaseMin) : 0);
        plan.After(SurvivorCheck.AfterPartition);
    }
}

/// <summary>
/// Claim: a destination that has no memory left to promise refuses the VM before the first page, and says so (-ENOMEM). The guest runs on
/// at the source as if nothing had been (M3, M4, the oracle), nothing is left at the destination (S11), and the VM migrates when that has
/// memory again. A host that becomes full while a VM is on its way to it keeps its promise, in post-copy too: the migration completes.
/// </summary>
internal sealed class MigrationFullHost : Scenario
{
    private const int AfterMax = 40;
    private const int Much = 1_000;

    public override string Name => "migration-full-host";
    public override string Claim => "a host without memory refuses a VM before its first page, and the guest runs on where it was";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.HostWasFull];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("others").HostIsFull(
            host: 1, plan.Random.Chance(0.7) ? 0 : plan.Random.Next(AfterMax),
            1 + plan.Random.Next(plan.Parameter(MigrationPlan.Within.Name)),
            left: plan.Random.Chance(0.8) ? 0 : Much);
        plan.After(stage =>
        {
            if (stage.Migration is { Result: { Status: not MigrationStatus.Completed } info } && !info.Reason.EndsWith("NoMemory"))
                stage.Broke(Invariants.MigrationProgress, $"the migration is {info.Status}: {info.Reason}");
            return ValueTask.CompletedTask;
        });
        plan.After(SurvivorCheck.AfterAll);
    }
}
