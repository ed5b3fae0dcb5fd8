using Livebed.Explorer.Beds;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>A migration from its beginning to its end, or to where it is given up, while all machines run.</summary>
internal static class MigrationScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new MigrationPrecopy(),
        new MigrationChannels(),
        new MigrationReadOnly(),
        new MigrationOverWords(),
        new MigrationPostcopy(),
        new MigrationRecovery(),
        new PostcopyLastPage(),
        new PostcopyVsHost(),
        new PostcopyDeviceWrites(),
        new PostcopyVsDestroy(),
        new MigrationCancel(),
        new MigrationRetry(),
        new MigrationHandOver(),
        new MigrationVsHost(),
        new MigrationVsMemslotAtBegin(),
        new MigrationVsLogAtBegin(),
        new MigrationDeviceWrites(),
        new MigrationVsDestinationHost(),
    ];
}

/// <summary>
/// Claim: whatever the guest writes in whichever round of pre-copy, the memory that arrives is the memory that left (S6, M1), and the guest
/// finds it so (the oracle, on the destination). Guests write before, during and after the move (kvm-protocol 8).
/// </summary>
internal sealed class MigrationPrecopy : Scenario
{
    public override string Name => "migration-precopy";
    public override string Claim => "the memory that arrives by pre-copy is the memory that left";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PageDirtiedAgain];
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log, MigrationPlan.Rounds];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Read(1);
        plan.Vcpu().Write(1).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRounds(plan.Parameter(MigrationPlan.Rounds.Name)));
    }
}

/// <summary>
/// Claim: memory of two memslots, each with a dirty log of several words, arrives as it left, by batches that end inside of a memslot and
/// begin in the next word (S6, M1, the oracle). Guests write at the borders of words and memslots; the seed draws the kind of log, and
/// whether the last pages, or all but the first batch, follow in post-copy, whose drain waits for those that vCPUs ask for (L5;
/// kvm-protocol 4.3 to 4.5, 8).
/// </summary>
internal sealed class MigrationOverWords : Scenario
{
    private const int SlotPages = 66;

    private static readonly int[] _pages = [0, 1, 63, 64, 65, SlotPages, SlotPages + 1, SlotPages + 64, SlotPages + 65];

    public override string Name => "migration-over-words";
    public override string Claim => "memory of several memslots and log words arrives by whatever batches";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PageDirtiedAgain, ReachedCase.LogTakenFromWords];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Rounds with { Default = 1 }];

    public override void LayOut(ScenarioPlan plan)
    {
        var random = plan.Random;
        plan.Options = plan.Options with
        {
            Hosts = 2,
            DirtyLog = (DirtyLogMode)(1 + random.Next(4)),
            RamPages = 2 * SlotPages,
            RamSlots = 2,
            Frames = 64,
            HotplugPages = 1,
        };
        foreach (var page in _pages) plan.Before(async stage => await stage.Vm.TouchAsync(BedVm.RamGfn(page), write: true));
        var isQuiet = random.Chance(0.2);
        for (var vcpu = 0; vcpu < 2; vcpu++)
        {
            var guest = plan.Vcpu();
            for (var left = 8; left > 0; left--)
            {
                var page = _pages[random.Next(_pages.Length)];
                _ = !isQuiet && random.Chance(0.7) ? guest.Write(page) : guest.Read(page);
            }
        }

        var rounds = plan.Parameter(MigrationPlan.Rounds.Name);
        var parameters = MigrationPlan.AfterRounds(rounds + 1) with
        {
            Channels = 1 + random.Next(2),
            PostcopyAfterRounds = random.Chance(0.3) ? rounds : 0,
            RecoveryLimitMicroseconds = 2_000,
        };
        _ = random.Chance(0.3) ? plan.Actor("user").MigrateVmInPostcopy(parameters) : plan.Actor("user").MigrateVm(parameters);
        MigrationPlan.MustComplete(plan);
        if (isQuiet) plan.After(CheckNothingSentAgain);
        plan.After(stage => stage.CheckMemoryAsync());
    }

    /// <summary>A log that was not cleared would say that pages are dirty which nothing has written.</summary>
    private static ValueTask CheckNothingSentAgain(Stage stage)
    {
        if (stage.Migration?.Result?.Rounds is [{ DirtyPages: > 0 } round, ..])
            stage.Broke(Invariants.AsOrdered, $"a guest that writes nothing has {round.DirtyPages} dirty pages after the first round");
        return ValueTask.CompletedTask;
    }
}

/// <summary>
/// Claim: a read-only memslot is one after the migration too, so that a guest's write to it still leaves to user space, and no SPTE of it
/// is writable though the host's page is (memslots, M1, S12; <c>KVM_MEM_READONLY</c>, kvm-protocol 5 and 8). The guest reads and writes its
/// ROM before, during and after the move.
/// </summary>
internal sealed class MigrationReadOnly : Scenario
{
    public override string Name => "migration-read-only";
    public override string Claim => "memslots have the flags at the destination that user space gave them";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.MmioExit];
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log, MigrationPlan.Rounds, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);

        // Its image is loaded first, so that the host has a page there that it may write.
        plan.Before(stage => stage.PlugAsync());
        plan.Before(stage => stage.CommandAsync(async vm => await vm.Vm.SoftwareWriter.WriteAsync(
            stage.Bed.NewOperation(OperationKind.SoftwareWrite), 0, VmLayout.HotplugGfn, stage.NextSoftwareToken())));
        plan.Before(stage => stage.CommandAsync(async vm => await vm.UnplugAsync(
            stage.Bed.NewOperation(OperationKind.MemslotDelete))));
        plan.Before(stage => stage.CommandAsync(async vm => await vm.PlugAsync(
            stage.Bed.NewOperation(OperationKind.MemslotCreate), MemslotFlags.ReadOnly)));
        plan.Vcpu().ReadPlugged(0).WritePlugged(0).Write(0).ReadPlugged(0).WritePlugged(0).Write(0).WritePlugged(0).ReadPlugged(0);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.After(stage =>
        {
            if (stage.Survivor?.Vm.Memslots.Active.ById(VmLayout.HotplugSlotId) is not { IsReadOnly: true })
                stage.Broke(Invariants.MemslotsAsAsked, "the VM's ROM is no read-only memslot any more");
            return ValueTask.CompletedTask;
        });
    }
}

/// <summary>
/// Claim: with several channels no old copy of a page lands after a new one (M1). One page is written over and over, so that it travels in
/// every round, and the channels are as fast or as slow as the schedule wants (QEMU's multifd, kvm-protocol 8).
/// </summary>
internal sealed class MigrationChannels : Scenario
{
    public override string Name => "migration-channels";
    public override string Claim => "no old copy of a page overtakes a new one";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PageDirtiedAgain];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 3 }, new("channels", "channels at once", 2, 1, 8)];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Options = plan.Options with { RamPages = 1 };
        plan.Vcpu().Write(0).Write(0).Write(0).Read(0);
        plan.Actor("user").MigrateVm(
            MigrationPlan.AfterRounds(plan.Parameter(MigrationPlan.Rounds.Name)) with { Channels = plan.Parameter("channels") });
    }
}

/// <summary>
/// Claim: a migration that is cancelled, whenever, leaves the VM where it was and as it was (M3) or has moved it already, and the next one
/// works (M1, M2). The guest is being slowed down when the cancel comes; another cancel comes before its migration has begun.
/// </summary>
internal sealed class MigrationCancel : Scenario
{
    public override string Name => "migration-cancel";
    public override string Claim => "a cancelled migration leaves no trace, and the next one works";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.CancelInSwitchover];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 4 }, new("after", "syncs before the cancel", 2, 0, 8)];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Vcpu().Write(0).Write(1).Write(0).Write(1).Write(0).Read(1);
        var parameters = MigrationPlan.AfterRounds(plan.Parameter(MigrationPlan.Rounds.Name)) with
        {
            Throttle = ThrottleKind.AutoConverge,
            ThrottlePeriodMicroseconds = 1,
            ThrottleTriggerThreshold = 1,
        };
        plan.Actor("user").MigrateVm(parameters).MigrateVmAndCancel(parameters).MigrateVm(MigrationPlan.AfterRounds(1));
        plan.Actor("admin").CancelMigration(plan.Parameter("after"));
    }
}

/// <summary>
/// Claim: a migration that is ordered again after one that was cancelled sends every page, whatever the first one has sent and KVM's log
/// has reported to it (M1, S6). The log forgets what it reports, so nothing of the first attempt tells what the second destination lacks
/// (Firecracker 4545 was the same with snapshots).
/// </summary>
internal sealed class MigrationRetry : Scenario
{
    public override string Name => "migration-retry";
    public override string Claim => "a migration that is tried again begins with every page";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.MigratedAgain];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, new("after", "syncs before the cancel", 1, 0, 8)];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Vcpu().Write(0).Write(1).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRounds(3)).MigrateVm(MigrationPlan.AfterRounds(2));
        plan.Actor("admin").CancelMigration(plan.Parameter("after"));
    }
}

/// <summary>
/// Claim: when the answer to a hand-over is lost, and also the inventory, the VM runs on one host and never on two (M2). Source and
/// destination both claim it. The inventory is lost, and a new one is made of the hosts' records while grants are in flight.
/// </summary>
internal sealed class MigrationHandOver : Scenario
{
    public override string Name => "migration-hand-over";
    public override string Claim => "a VM runs on one host after its hand-over fails, whichever answers are lost";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.HandOverUnanswered];
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Vcpu().Write(0).Write(1).Read(0);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("fate").LoseTakeOverAnswer();
        plan.Actor("inventory").ReplaceInventory();
    }
}

/// <summary>
/// Claim: memory events of either host, KSM, and memslot updates while a VM moves lose no page and no write (S6, M1, the oracle). Pages
/// that user space discards are sent as zeroes. A memslot that comes or goes, or whose log another switches off, loses no dirty bit
/// (kvm-protocol 9.2, Q1).
/// </summary>
internal sealed class MigrationVsHost : Scenario
{
    public override string Name => "migration-vs-host";
    public override string Claim => "memory events and memslot updates during a migration lose no page";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PublishMetRange, ReachedCase.PageDirtiedAgain];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Before(stage => stage.PlugAsync());
        plan.Vcpu().WriteCommon(0).WriteCommon(1).Write(0).WritePlugged(0).Read(1);
        plan.Actor("mm").KsmScan(8).DontNeed(1).Reclaim(0).Unmap(0).Migrate(1);
        plan.Actor("admin").Unplug().Plug().FlagPlugged(MemslotFlags.None).SoftwareWrite(1);
        plan.Actor("other-logger").SetLogOfPlugged(false).SetLogOfPlugged(false);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
    }
}

/// <summary>
/// Claim: what devices of user space write while a VM moves arrives with it, though no log of KVM's has it (S6, M1, the oracle). A disk and
/// a card fill buffers of one page and of two, of which one is merged and one is taken away by the host; a write may be under way when
/// the vCPUs have stopped, and devices wait until it is known where the VM runs. The guest writes little, so that most pages are dirty by a
/// device's write alone.
/// </summary>
internal sealed class MigrationDeviceWrites : Scenario
{
    public override string Name => "migration-device-writes";
    public override string Claim => "what a device writes during a migration arrives with the VM";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DeviceDirtiedPage, ReachedCase.DeviceDrained];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Options = plan.Options with { RamPages = 3 };
        plan.Vcpu().Read(0).WriteCommon(1).Read(2).Write(2).Read(0).Read(1).Read(2);
        var rounds = plan.Parameter(MigrationPlan.Rounds.Name);
        plan.Actor("disk").DeviceWrite(0).DeviceWriteAfter(rounds - 1, 1, 2).DeviceWriteAfter(rounds, 0).DeviceWrite(2);
        plan.Actor("card").DeviceWriteAfter(rounds - 1, 1).DeviceWriteAfter(rounds, 0, 2).DeviceWrite(1).DeviceWrite(2);
        plan.Actor("mm").Reclaim(0).KsmScan(3).Migrate(2);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
    }
}

/// <summary>
/// Claim: whatever the destination's host does to pages that have come while others still come, none of them is lost: it takes them, moves
/// them, merges them, or shares them with a child (M1, the oracle). No guest runs there in pre-copy, so only the host itself uses them.
/// What user space would discard stays.
/// </summary>
internal sealed class MigrationVsDestinationHost : Scenario
{
    private static readonly HostEventKind[] _kinds =
    [
        HostEventKind.Reclaim, HostEventKind.PageMigration, HostEventKind.NumaBalancing, HostEventKind.Fork, HostEventKind.KsmScan,
        HostEventKind.Ageing, HostEventKind.DontNeed,
    ];

    public override string Name => "migration-vs-destination-host";
    public override string Claim => "what the destination's host does to pages that have come loses none";
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PageDirtiedAgain];
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log, MigrationPlan.Rounds, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Options = plan.Options with { RamPages = 3 };
        plan.Vcpu().WriteCommon(0).WriteCommon(1).Write(0).Write(2).Read(1).Write(0).Read(2);
        plan.Vcpu().Write(1).Read(0).WriteCommon(2).Read(1);
        foreach (var name in (string[])["kswapd", "kcompactd"])
        {
            var host = plan.Actor($"{name}-there");
            for (var left = 2 + plan.Random.Next(3); left > 0; left--)
            {
                var first = plan.Random.Next(3);
                host.EventAtDestination(_kinds[plan.Random.Next(_kinds.Length)], first, 1 + plan.Random.Next(3 - first));
            }
        }

        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
    }
}
