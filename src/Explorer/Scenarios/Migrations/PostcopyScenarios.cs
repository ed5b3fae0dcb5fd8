using Livebed.Explorer.Beds;
using Livebed.Explorer.Beds.Migrations;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.UserSpace;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: a guest that runs before its memory has come never sees an old page, and no page that comes late undoes what it wrote (the
/// oracle, M1). After a first round the VM goes over; what was written meanwhile is discarded there and fetched when the guest misses it,
/// while the rest is pushed (kvm-protocol 8). In most schedules post-copy is ordered before the migration has begun: then most pages
/// are missing at first, and guests wait for them.
/// </summary>
internal sealed class MigrationPostcopy : Scenario
{
    public override string Name => "migration-postcopy";
    public override bool IsDrawnFromSeed => true;
    public override string Claim => "a guest that runs ahead of its memory sees no old page and loses no write";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.GuestWaitedForPage];
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Vcpu().Write(0).Read(1).Write(0).Read(0).Write(1).Write(0).Read(1).Write(0).Read(1).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(1).Write(0).Read(1).Write(1).Read(0).Write(1).Read(0);
        var rounds = plan.Parameter(MigrationPlan.Rounds.Name);
        if (plan.Random.Chance(0.7))
        {
            plan.Actor("user").MigrateVmInPostcopy(MigrationPlan.AfterRounds(rounds + 1));
            return;
        }

        plan.Actor("admin").StartPostcopy();
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRounds(rounds + 1) with { PostcopyAfterRounds = rounds });
    }
}

/// <summary>
/// Claim: post-copy does not end before the page has arrived that a vCPU waits for, though all others have (L5). Batches of one page each
/// go over one channel in ascending order, and vCPUs read the pages in descending order, so they ask for pages that the push has not come
/// to (kvm-protocol 8).
/// </summary>
internal sealed class PostcopyLastPage : Scenario
{
    private const int Batch = 64;

    // As many as a vCPU makes until the VM has moved, and some more.
    private const int Reads = 60;

    private static readonly int[] _pages = [0, Batch, 2 * Batch, 3 * Batch, 4 * Batch, 5 * Batch];

    public override string Name => "postcopy-last-page";
    public override string Claim => "post-copy ends when the page that a vCPU waits for has arrived too";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.GuestWaitedForPage];
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with
        {
            Hosts = 2,
            DirtyLog = (DirtyLogMode)plan.Parameter(MigrationPlan.Log.Name),
            RamPages = _pages[^1] + 1,
            HotplugPages = 1,
        };
        foreach (var page in _pages) plan.Before(async stage => await stage.Vm.TouchAsync(BedVm.RamGfn(page), write: true));
        for (var vcpu = 0; vcpu < 2; vcpu++)
        {
            var guest = plan.Vcpu();
            for (var read = 0; read < Reads; read++) guest.Read(_pages[^(1 + read % _pages.Length)]);
        }

        plan.Actor("user").MigrateVmInPostcopy(MigrationPlan.AfterRounds(1) with { Channels = 1 });
        MigrationPlan.MustComplete(plan);
        plan.After(stage => stage.CheckMemoryAsync());
    }
}

/// <summary>
/// Claim: a device at the destination waits for a page of its buffer that is still at the source, as a vCPU does, and neither the page that
/// comes nor the push undoes what it writes then (the oracle, M1, L5). QEMU's own threads and vhost's fault the page in, and sleep in
/// handle_userfault (kvm-protocol 8).
/// </summary>
internal sealed class PostcopyDeviceWrites : Scenario
{
    public override string Name => "postcopy-device-writes";
    public override bool IsDrawnFromSeed => true;
    public override string Claim => "a device whose buffer post-copy has still to bring waits for it and loses no write";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DeviceWaitedForPage];
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Options = plan.Options with { RamPages = 3 };
        plan.Vcpu().Write(0).Read(2).Write(1).Read(0).Read(2).Read(1).Read(0);
        var (disk, card) = (plan.Actor("disk"), plan.Actor("card"));
        disk.DeviceWrite(plan.Random.Next(3)).DeviceWriteInPostcopy(plan.Random.Next(3)).DeviceWrite(plan.Random.Next(3));
        card.DeviceWrite(plan.Random.Next(3)).DeviceWriteInPostcopy(plan.Random.Next(2), 2).DeviceWrite(plan.Random.Next(3));
        var rounds = plan.Parameter(MigrationPlan.Rounds.Name);
        if (plan.Random.Chance(0.7)) plan.Actor("user").MigrateVmInPostcopy(MigrationPlan.AfterRounds(rounds + 1));
        else plan.Actor("user").MigrateVm(MigrationPlan.AfterRounds(rounds + 1) with { PostcopyAfterRounds = rounds });
    }
}

/// <summary>
/// Claim: a VM that is destroyed in post-copy goes at once, whatever waits there for pages that may never come: a vCPU, a device, or KVM on
/// behalf of a vCPU (L3, S11). The link breaks, and the source waits long for it.
/// </summary>
internal sealed class PostcopyVsDestroy : Scenario
{
    private const long RecoveryLimit = 60_000;
    private const long Within = 20_000;
    private const int AfterMax = 100;

    public override string Name => "postcopy-vs-destroy";
    public override bool IsDrawnFromSeed => true;
    public override string Claim => "a destroy in post-copy does not wait for pages that may never come";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DeviceWaitedForPage, ReachedCase.DestroyInMigration];
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.StepsMax = 200_000;
        plan.Options = plan.Options with { RamPages = 3 };
        plan.Vcpu().Write(0).Read(2).Write(1).Read(0).Read(2);
        plan.Actor("disk").DeviceWriteInPostcopy(plan.Random.Next(3));
        plan.Actor("wire").BreakLink(new LinkBreak(LinkMessage.Page, BrokenLink.Everything, IsRepaired: false));
        plan.Actor("user").MigrateVmInPostcopy(MigrationPlan.AfterRounds(2) with { RecoveryLimitMicroseconds = RecoveryLimit });
        plan.Actor("admin").DestroyInPostcopy((TeardownOrder)plan.Random.Next(4), 1 + plan.Random.Next(AfterMax), Within);
    }
}

/// <summary>
/// Claim: a link that breaks twice costs time and no page, whatever is on it when it breaks: the answer to the hand-over, a page, the last
/// answer, the answer of the recovery. The migration pauses, both sides agree on what is missing, and it goes on (the oracle, M1, M2, L5).
/// In most schedules post-copy is ordered before the migration has begun; in others it comes after a round, if anything is dirty then.
/// </summary>
internal sealed class MigrationRecovery : Scenario
{
    private static readonly LinkMessage[] FirstAt =
        [LinkMessage.TakeOverAnswer, LinkMessage.Page, LinkMessage.PageAnswer, LinkMessage.FinishAnswer];

    private static readonly LinkMessage[] ThenAt =
        [LinkMessage.Page, LinkMessage.PageAnswer, LinkMessage.FinishAnswer, LinkMessage.RecoverAnswer];

    public override string Name => "migration-recovery";
    public override string Claim => "a link that breaks in the hand-over or in post-copy costs time and no page";
    public override bool IsDrawnFromSeed => true;

    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LinkBrokeInPostcopy, ReachedCase.LinkRecovered];

    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Vcpu().Write(0).Read(1).Write(0).Write(1).Write(0).Read(1).Write(0).Write(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(1).Write(0).Write(1).Read(0).Write(1).Read(1);
        var parameters = MigrationPlan.AfterRounds(2) with { RecoveryLimitMicroseconds = 0 };
        if (plan.Random.Next(8) == 0) plan.Actor("user").MigrateVm(parameters with { PostcopyAfterRounds = 1 });
        else plan.Actor("user").MigrateVmInPostcopy(parameters);
        LinkBreak[] breaks =
        [
            new(FirstAt[plan.Random.Next(FirstAt.Length)], DrawBroken(plan)),
            new(ThenAt[plan.Random.Next(ThenAt.Length)], DrawBroken(plan)),
        ];
        plan.Before(stage =>
        {
            stage.BreakLink([.. breaks]);
            return ValueTask.CompletedTask;
        });
    }

    private static BrokenLink DrawBroken(ScenarioPlan plan) => plan.Random.Chance(0.5) ? BrokenLink.Pages : BrokenLink.Everything;
}

/// <summary>
/// Claim: what user space discards at the destination in post-copy is not given up, zero pages count as arrived, and every RAM block has
/// its own list of what is missing (the oracle, M1, L5). Of three pages of RAM one is never written, and so sent as zeroes; plugged memory
/// is a block of its own. A balloon asks for pages back while post-copy brings them, and the host takes others (kvm-protocol 8).
/// </summary>
internal sealed class PostcopyVsHost : Scenario
{
    public override string Name => "postcopy-vs-host";
    public override string Claim => "a page that post-copy brings is neither given up nor waited for twice";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DiscardedInPostcopy, ReachedCase.GuestWaitedForPage];
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Options = plan.Options with { RamPages = 3 };
        plan.Before(stage => stage.PlugAsync());
        plan.Vcpu().Write(0).WritePlugged(0).Read(2).Write(0).ReadPlugged(0).Read(0).Read(2).Read(1);
        plan.Vcpu().Write(1).Read(2).Write(1).WritePlugged(0).Read(0).Read(1);
        var rounds = plan.Parameter(MigrationPlan.Rounds.Name);
        plan.Actor("balloon").DiscardInPostcopy(0).DiscardInPostcopy(1);
        plan.Actor("kswapd").Reclaim(0, 3).Migrate(1);
        plan.Actor("user").MigrateVm(
            MigrationPlan.AfterRounds(rounds + 1) with { PostcopyAfterRounds = rounds, RecoveryLimitMicroseconds = 2_000 });
    }
}
