using Livebed.Explorer.Beds.Migrations;
using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>The network between the machines of a migration does what networks do while all machines live.</summary>
internal static class NetworkScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new MigrationRepeats(),
        new AbandonWhilePreparing(),
        new MigrationBackAtOnce(),
        new InventoryUnheard(),
    ];
}

/// <summary>
/// Claim: calls between the two user spaces, and to the inventory, may arrive twice, in any order and long after each other, and nothing
/// comes of it. The caller takes whichever answer comes first. The migration completes, the memory that arrives is the memory that left,
/// and the VM runs on one host (L5, M1, M2, M4, the oracle). The inventory may be replaced meanwhile.
/// </summary>
internal sealed class MigrationRepeats : Scenario
{
    public override string Name => "migration-repeats";
    public override string Claim => "a call of a migration that arrives twice does what it does once";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.CallRepeated];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Options = plan.Options with { MachinesDie = true, RepeatsSeed = 1 + (ulong)plan.Random.Next(int.MaxValue) };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        if (plan.Random.Chance(0.3)) plan.Actor("fate").ReplaceInventory(MigrationPlan.DrawDeath(plan));
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: a source that waits no longer for its destination to prepare tells it to give up, and the destination does so when it has
/// prepared: nothing of the VM is left there, without a question to the source (S11, M3). The guest runs on at the source, and the next
/// migration may come while the first destination still prepares (M1, M4, the oracle).
/// </summary>
internal sealed class AbandonWhilePreparing : Scenario
{
    public override string Name => "abandon-while-preparing";
    public override string Claim => "a destination that is told to give up while it prepares leaves nothing";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.AbandonedWhilePreparing];
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { PreparesSlowly = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Read(1);
        plan.Vcpu().Write(1).Read(0).Write(0);
        var parameters = MigrationPlan.AfterRounds(plan.Parameter(MigrationPlan.Rounds.Name));
        plan.Actor("user").MigrateVm(parameters).MigrateVm(parameters);
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: a VM migrates back to its first host before that has heard that it had moved. What the first source does then, it does to the VM
/// that it had: the one that came back stays in its host's books and runs on with every write (M1, M2, M4, the oracle). The answer to the
/// take-over is late in most schedules.
/// </summary>
internal sealed class MigrationBackAtOnce : Scenario
{
    private const int LateMax = 400;

    public override string Name => "migration-back-at-once";
    public override string Claim => "a VM that comes back before its first source has heard of its move stays known there";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.MigratedBackUnheard];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);

        // Of a link that breaks for good the destination hears by its question whether the source still migrates.
        var isForGood = plan.Random.Chance(0.3);
        plan.Options = plan.Options with
        {
            MachinesDie = isForGood,
            TakeOverAnswerMicroseconds = plan.Random.Chance(0.7) ? plan.Random.Next(LateMax) : 0,
        };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("user-there").MigrateBack(MigrationPlan.AfterRoundsOf(plan));
        if (!MigrationPlan.DrawBrokenLink(plan, isRepaired: !isForGood)) MigrationPlan.MustComplete(plan);
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: a destination that hears nothing of the inventory for as long as it likes, while the source does, does not lose the VM: its claim
/// may have been granted, and then nothing else runs the VM (M2, M4, the oracle). The source waits for the destination, or waits no more
/// and offers the VM again.
/// </summary>
internal sealed class InventoryUnheard : Scenario
{
    // A claim is repeated every 10 ms; a source gives its own up after 10 s.
    private const int ShortMax = 50_000;
    private const int LongMicroseconds = 11_000_000;

    public override string Name => "inventory-unheard";
    public override string Claim => "a destination that hears nothing of the inventory does not lose the VM that it was granted";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.ClaimUnanswered];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.StepsMax = 100_000;
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("fate").InventoryUnheard(host: 1, plan.Random.Chance(0.3) ? LongMicroseconds : plan.Random.Next(ShortMax));
        if (plan.Random.Chance(0.5)) plan.Actor("wire").LoseTakeOver(TakeOverLoss.Patience, plan.Random.Next(ShortMax));
        plan.After(SurvivorCheck.AfterInventories);
    }
}
