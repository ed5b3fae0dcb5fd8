using Livebed.Explorer.Beds.Migrations;
using Livebed.Kvm.Checks;
using Livebed.Kvm.UserSpace;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>The network between the machines of a migration does what networks do while all machines live.</summary>
internal static class NetworkScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new MigrationRepeats(),
        new PostcopyLateCalls(),
        new DestroyLateCalls(),
        new AbandonWhilePreparing(),
        new MigrationBackAtOnce(),
        new InventoryUnheard(),
        new DestroyUnheard(),
        new MigrationDevicesGoOn(),
    ];
}

/// <summary>
/// Claim: calls between the two user spaces, to the inventory and to a host's books may arrive twice, in any order and long after each
/// other, and nothing comes of it. The caller takes whichever answer comes first. The migration completes, the memory that arrives is the
/// memory that left, and the VM runs on one host (L5, M1, M2, M4, the oracle). The inventory may be replaced meanwhile, and the hand-over
/// may fail: then the source goes on under another epoch.
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
        plan.Options = plan.Options with { MachinesDie = true, RepeatsSeed = 1 + (ulong)plan.Random.Next(int.MaxValue) };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        if (plan.Random.Chance(0.3)) plan.Actor("fate").ReplaceInventory(MigrationPlan.DrawDeath(plan));
        if (plan.Random.Chance(0.3)) plan.Actor("wire").LoseTakeOver(TakeOverLoss.Request);
        else MigrationPlan.MustComplete(plan);
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: what a source still asks, or sends, when its destination takes it to be gone changes nothing of what becomes of the guest. One
/// that has all of its pages, and has said so, runs on; one that was given up is never called complete (M4, S11). The destination stands
/// still until it was given up and does then what it was asked meanwhile, or the link breaks for good. Calls arrive twice, and the host
/// takes its time.
/// </summary>
internal sealed class PostcopyLateCalls : Scenario
{
    // A source that has paused looks once a millisecond how long it has.
    private const long RecoveryLimit = 1_500;
    private const long GivenUpAfter = 2_500;
    private const int AfterMax = 40;
    private const int LateMax = 200;

    public override string Name => "postcopy-late-calls";
    public override string Claim => "calls that come late in post-copy neither lose a whole guest nor complete a lost one";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LinkBrokeInPostcopy];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with
        {
            MachinesDie = true,
            RepeatsSeed = 1 + (ulong)plan.Random.Next(int.MaxValue),
            SlowSeed = 1 + (ulong)plan.Random.Next(int.MaxValue),
        };
        plan.Vcpu().Write(0).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Read(1);
        plan.Actor("user").MigrateVmInPostcopy(MigrationPlan.AfterRounds(2) with { RecoveryLimitMicroseconds = RecoveryLimit });
        if (plan.Random.Chance(0.5))
            plan.Actor("fate").DestinationStandsStillInPostcopy(
                plan.Random.Next(AfterMax), GivenUpAfter + plan.Random.Next(LateMax));
        else plan.Actor("wire").BreakLink(new LinkBreak(LinkMessage.Page, BrokenLink.Pages, IsRepaired: false));
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: a VM is destroyed while questions about it are on their way, to the inventory and to its host's books. They arrive when it has
/// gone, and it stays gone: neither has an entry in the end (M2, S11).
/// </summary>
internal sealed class DestroyLateCalls : Scenario
{
    private const int AfterMax = 60;

    public override string Name => "destroy-late-calls";
    public override string Claim => "a question about a VM that arrives after its end makes no entry";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.CallRepeated, ReachedCase.DestroyInMigration];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true, RepeatsSeed = 1 + (ulong)plan.Random.Next(int.MaxValue) };
        plan.Vcpu().Write(0).Read(1).Write(0);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("admin").DestroyVm((TeardownOrder)plan.Random.Next(4), 1 + plan.Random.Next(AfterMax));
        plan.After(SurvivorCheck.AfterDestroyed);
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
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { PreparesSlowly = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Read(1);
        plan.Vcpu().Write(1).Read(0).Write(0);
        var parameters = MigrationPlan.AfterRoundsOf(plan);
        plan.Actor("user").MigrateVm(parameters).MigrateVm(parameters);
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: a VM migrates back to its first host before that has heard that it had moved. What the first source does then, it does to the VM
/// that it had: the one that came back stays in its host's books and runs on with every write (M1, M2, M4, the oracle). The answer to the
/// take-over is late in most schedules, or lost: then the first source claims the VM, and offers it again, while it comes back.
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
        var isLost = plan.Random.Chance(0.4);
        if (isLost)
            plan.Actor("wire-of-offers").LoseTakeOver(
                plan.Random.Chance(0.7) ? TakeOverLoss.Answer : TakeOverLoss.Patience, plan.Random.Next(LateMax),
                (TakeOverLoss)plan.Random.Next(3));
        if (!MigrationPlan.DrawBrokenLink(plan, isRepaired: !isForGood) && !isLost) MigrationPlan.MustComplete(plan);
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

/// <summary>
/// Claim: a destination that has heard nothing of its claim, for less than 10 s or for more, is destroyed. It asks on for 10 s: if it hears
/// that the VM was granted to it, it takes the VM out of the inventory (M2, S11).
/// </summary>
internal sealed class DestroyUnheard : Scenario
{
    // A claim is repeated every 10 ms.
    private const int Short = 50_000;
    private const int Long = 10_200_000;
    private const int HeardMax = 400_000;

    public override string Name => "destroy-unheard";
    public override string Claim => "a destination that is destroyed before it hears of its grant leaves no entry in the inventory";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.ClaimUnanswered, ReachedCase.DestroyInMigration];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.StepsMax = 100_000;
        plan.Vcpu().Write(0).Write(1).Read(0);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        var destroyed = plan.Random.Chance(0.5) ? Long : plan.Random.Next(Short);
        plan.Actor("admin").DestroyIncomingVm((TeardownOrder)plan.Random.Next(4), destroyed, waitsForPrepare: true);
        plan.Actor("fate").InventoryUnheard(host: 1, destroyed + plan.Random.Next(HeardMax));
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: a VM that stays at its source, because the hand-over was cancelled or its request was lost, has devices that go on there: what
/// they write is written in the end (L1, the oracle). The guest writes beside them.
/// </summary>
internal sealed class MigrationDevicesGoOn : Scenario
{
    public override string Name => "migration-devices-go-on";
    public override string Claim => "the devices of a VM that stays at its source after a hand-over go on";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.HandOverKept];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Vcpu().Write(0).Read(1).Write(1).Read(0);
        var rounds = plan.Parameter(MigrationPlan.Rounds.Name);
        plan.Actor("disk").DeviceWrite(0).DeviceWriteAfter(rounds, 1).DeviceWrite(0).DeviceWrite(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        if (plan.Random.Chance(0.5)) plan.Actor("wire").LoseTakeOver(TakeOverLoss.Request);
        else plan.Actor("admin").CancelMigration(syncs: rounds + plan.Random.Next(2));
        plan.After(SurvivorCheck.AfterAll);
    }
}
