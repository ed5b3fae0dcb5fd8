using Livebed.Explorer.Beds;
using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>What lies at the border of two memslots, and ioctls that look a memslot up while another one changes it.</summary>
internal static class MemslotBorderScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new RangesAcrossMemslots(),
        new YieldAcrossMemslots(),
        new LogOverWords(),
        new LookupVsUpdate(),
        new MoveKeepsLog(),
    ];
}

/// <summary>
/// Claim: a range that begins outside of every memslot and reaches into one, ends in the next, or covers several, is the same for start and
/// end, and takes all of its pages (S3, S4, S2, S1, S5). RAM is two or three memslots, which others join and leave at both ends; an update
/// that overlaps one is refused, whichever id is the lower. The seed draws the ranges and what the guests touch (kvm-protocol 2.3, 5).
/// </summary>
internal sealed class RangesAcrossMemslots : Scenario
{
    private const int RamPages = 4;
    private const int Under = 900;
    private const int Before = 1001;
    private const int Behind = 1002;
    private const int Into = 1003;
    private const int Beyond = 1004;
    private const int AreaEnd = RamPages + Bed.MarginPages;

    private static readonly HostEventKind[] _kinds =
    [
        HostEventKind.DontNeed, HostEventKind.Unmap, HostEventKind.Mprotect, HostEventKind.NumaBalancing, HostEventKind.Fork,
        HostEventKind.OomReap, HostEventKind.HeldRange, HostEventKind.ClearSoftDirty,
    ];

    public override string Name => "ranges-across-memslots";
    public override string Claim => "a range over the border of memslots is one range, for start and for end";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RangeOverSeveralMemslots, ReachedCase.RangeBeyondMemslot];
    public override bool IsDrawnFromSeed => true;

    public override void LayOut(ScenarioPlan plan)
    {
        var random = plan.Random;
        plan.Options = plan.Options with { RamPages = RamPages, RamSlots = 2 + random.Next(2), PagesBesideRam = AreaEnd, Frames = 32 };
        if (random.Chance(0.5)) plan.Before(stage => stage.TouchRamAsync());
        for (var vcpu = 0; vcpu < 2; vcpu++)
        {
            var guest = plan.Vcpu();
            for (var left = 4; left > 0; left--)
                _ = random.Next(RamPages + 2) - 1 is var page && random.Chance(0.3) ? guest.Read(page) : guest.Write(page);
        }

        for (var task = 0; task < 2; task++)
        {
            var mm = plan.Actor($"mm-{task}");
            for (var left = 2; left > 0; left--)
            {
                var first = random.Next(RamPages + 3) - 2;
                mm.Event(_kinds[random.Next(_kinds.Length)], first, 1 + random.Next(RamPages + 2 - first));
            }
        }

        // A memslot that begins in the process's memory and ends behind it: what is behind is no memory.
        if (random.Chance(0.3))
        {
            plan.Actor("other-user").AddMemslot(Beyond, AreaEnd - 1, 2);
            plan.Vcpu().Write(AreaEnd - 1).Read(AreaEnd).Write(AreaEnd).Read(AreaEnd - 1);
        }

        if (random.Chance(0.5))
            plan.Actor("user")
                .AddMemslot(Into, -1, 2)
                .AddMemslot(Behind, RamPages).AddMemslot(Before, -1).RemoveMemslot(Behind).AddMemslot(Behind, RamPages - 1, 2)
                .AddMemslot(Under, -2, 2);
    }
}

/// <summary>
/// Claim: a zap that goes on into the next memslot and yields mmu_lock there has flushed the memslot before (S5, S1). One range takes the
/// end of a memslot and all of the next one, which has two table pages, while faults and reclaim contend for the lock (kvm-protocol 2.7,
/// I6).
/// </summary>
internal sealed class YieldAcrossMemslots : Scenario
{
    private const int RamPages = 8;

    public override string Name => "yield-across-memslots";
    public override string Claim => "a zap that yields mmu_lock owes no flush of the memslot before";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.ZapYieldedInNextMemslot];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { RamPages = RamPages, RamSlots = 2 };
        for (var page = 0; page < RamPages; page++)
        {
            var gfn = BedVm.RamGfn(page);
            plan.Before(async stage => await stage.Vm.TouchAsync(gfn, write: true));
        }

        plan.Vcpu().Write(2).Read(3).Write(0).Read(2);
        plan.Vcpu().Write(1).Write(3).Write(1).Read(2);
        plan.Vcpu().Write(0).Write(7).Write(0);
        plan.Actor("mm").DontNeed(2, RamPages - 2);
        plan.Actor("mm-0").DontNeed(0).DontNeed(1);
        plan.Actor("kswapd").Reclaim(1).Reclaim(0);
    }
}

/// <summary>
/// Claim: no write is lost in a memslot whose log has several words, nor in the next memslot, however the log is kept (S6, S7, S5). Guests
/// write the first and the last pages of words, of table pages and of two memslots while rounds take bits or reset rings. The seed draws
/// the kind of log and the order of the writes (kvm-protocol 4.3 to 4.5).
/// </summary>
internal sealed class LogOverWords : Scenario
{
    private const int SlotPages = 66;

    private static readonly int[] _pages = [0, 1, 62, 63, 64, 65, SlotPages, SlotPages + 1, SlotPages + 63, SlotPages + 64, SlotPages + 65];

    public override string Name => "log-over-words";
    public override string Claim => "a log of several words and memslots loses no write at their borders";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LogTakenFromWords];
    public override bool IsDrawnFromSeed => true;

    public override void LayOut(ScenarioPlan plan)
    {
        var random = plan.Random;
        plan.Options = plan.Options with
        {
            RamPages = 2 * SlotPages,
            RamSlots = 2,
            Frames = 64,
            DirtyLog = (DirtyLogMode)(1 + random.Next(4)),
            RingEntries = DirtyRing.Reserved + 2 + random.Next(6),
        };
        foreach (var page in _pages) plan.Before(async stage => await stage.Vm.TouchAsync(BedVm.RamGfn(page), write: true));
        plan.Before(stage => stage.EnableLogAsync());
        for (var vcpu = 0; vcpu < 2; vcpu++)
        {
            var guest = plan.Vcpu();
            for (var left = 8; left > 0; left--) guest.Write(_pages[random.Next(_pages.Length)]);
        }

        plan.Actor("user").LogRound().LogRound();
        plan.Actor("emulator").SoftwareWrite(_pages[random.Next(_pages.Length)]);
        plan.After(stage => stage.VerifyWholeLogAsync());
    }
}

/// <summary>
/// Claim: an ioctl that looks a memslot up uses the one that is there when it has slots_lock, whatever an update does meanwhile (S8). One
/// task reads, clears and switches the log of plugged memory while another moves it, takes it out and gives it other flags (kvm-protocol 4
/// and 5; hazard 1 of 5.1).
/// </summary>
internal sealed class LookupVsUpdate : Scenario
{
    public override string Name => "lookup-vs-update";
    public override string Claim => "an ioctl on a memslot that is being updated sees it as it was or as it will be";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LookupOutdated];
    public override bool IsDrawnFromSeed => true;

    public override void LayOut(ScenarioPlan plan)
    {
        var random = plan.Random;
        plan.Options = plan.Options with { DirtyLog = (DirtyLogMode)(1 + random.Next(3)) };
        plan.Before(stage => stage.CommandAsync(async vm => await vm.PlugAsync(
            stage.Bed.NewOperation(OperationKind.MemslotCreate), MemslotFlags.LogDirtyPages)));
        plan.Vcpu().WritePlugged(0).WriteMoved(1).WritePlugged(1);
        var reader = plan.Actor("reader");
        for (var left = 3; left > 0; left--)
            _ = random.Next(4) switch
            {
                0 => reader.GetLogOfPlugged(),
                1 => reader.ClearLogOfPlugged(),
                2 => reader.SetLogOfPlugged(logs: false),
                _ => reader.SetLogOfPlugged(logs: true),
            };
        var updater = plan.Actor("updater");
        for (var left = 3; left > 0; left--)
            _ = random.Next(4) switch
            {
                0 => updater.MovePlugged(random.Chance(0.5) ? MemslotFlags.LogDirtyPages : MemslotFlags.None),
                1 => updater.Unplug(),
                2 => updater.FlagPlugged(MemslotFlags.None),
                _ => updater.Plug(),
            };
    }
}

/// <summary>
/// Claim: a memslot that moves keeps its dirty bits, and user space goes on with its log: no write is lost, wherever the guest made it
/// (S6). Guests write through both places while the memslot moves there and back between rounds of a log; kvm_prepare_memory_region hands
/// the bitmap on (kvm-protocol 5). A log that was off in between is another one.
/// </summary>
internal sealed class MoveKeepsLog : Scenario
{
    public override string Name => "move-keeps-log";
    public override string Claim => "a memslot that moves keeps its dirty bits, and a page written before or after is in the log";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LogReadDirty];
    public override bool IsDrawnFromSeed => true;

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = (DirtyLogMode)(1 + plan.Random.Next(4)), RingEntries = DirtyRing.Reserved + 4 };
        plan.Before(stage => stage.CommandAsync(async vm => await vm.PlugAsync(
            stage.Bed.NewOperation(OperationKind.MemslotCreate), MemslotFlags.LogDirtyPages)));
        plan.Before(stage => stage.CommandAsync(async vm => await vm.Session.EnableAsync(
            stage.Bed.NewOperation(OperationKind.DirtyLogEnable), [VmLayout.HotplugSlotId])));
        plan.Vcpu().WritePlugged(0).WriteMoved(0).WritePlugged(1);
        plan.Vcpu().WritePlugged(1).WriteMoved(1).WritePlugged(0);
        var user = plan.Actor("user").MovePlugged(MemslotFlags.LogDirtyPages).LogRound();

        // What is written while the log is off is in no log, so user space may not go on as if it had been on. Of rings that can only be
        // told by whoever switches them off.
        if (plan.Options.DirtyLog != DirtyLogMode.Ring && plan.Random.Chance(0.5)) user.FlagPlugged(MemslotFlags.None);
        user.FlagPlugged(MemslotFlags.LogDirtyPages).LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
