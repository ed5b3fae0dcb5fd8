using Livebed.Explorer.Beds;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>Ranges of the host against guest faults, and against each other.</summary>
internal static class RangeScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new FaultVsInvalidate(),
        new NeighbouringPages(),
        new OverlappingRanges(),
        new YieldingZap(),
        new NestedRanges(),
        new NonBlockableRange(),
        new KsmMerge(),
        new PinnedPage(),
        new KeptPages(),
        new ForkChild(),
        new CopyWithoutFrame(),
        new PageReuse(),
        new FlushVsPause(),
    ];
}

/// <summary>
/// Claim: while a range is open no page of it is mapped, and none is mapped from a lookup made before the range ended (S2, S1). A guest
/// writes and reads the very page that the host takes away. The smallest race of all (kvm-protocol 2.7, I2 to I4).
/// </summary>
internal sealed class FaultVsInvalidate : Scenario
{
    public override string Name => "fault-vs-invalidate";
    public override string Claim => "no page of an open range is mapped, and none from a lookup older than the range's end";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FaultRetried];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("vcpus", "vCPUs that touch the page", 1, 1, 4),
        new("ranges", "ranges over the page, one after the other", 1, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        for (var vcpu = 0; vcpu < plan.Parameter("vcpus"); vcpu++) plan.Vcpu().Write(0).Read(0);
        var mm = plan.Actor("mm");
        for (var range = 0; range < plan.Parameter("ranges"); range++) mm.DontNeed(0);
    }
}

/// <summary>
/// Claim: each page is mapped to its own frame with its own permission, and a range covers all of the pages that go (S9, S12, S10, S1).
/// Three guests read and then write one of three neighbouring pages each, so that the zero page is mapped read-only first, while the
/// process unmaps all three (kvm-protocol 6.1; B28, B36, B47).
/// </summary>
internal sealed class NeighbouringPages : Scenario
{
    public override string Name => "neighbouring-pages";
    public override string Claim => "neighbouring pages are mapped, made writable and unmapped each for itself";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FaultRetried];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { RamPages = 3 };
        for (var page = 0; page < 3; page++) plan.Vcpu().Read(page).Write(page);
        plan.Actor("mm").Unmap(0, 3);
    }
}

/// <summary>
/// Claim: of several open ranges each protects its own pages until its own end, whatever the others do (S2, S1). Ranges that touch, overlap
/// and lie apart begin and end in any order, while guests fault inside of one, of both, and in the gap between them, which only the hull
/// covers (kvm-protocol 2.7, I5 and I8). What the hull holds up for longer than needed is a price and no violation.
/// </summary>
internal sealed class OverlappingRanges : Scenario
{
    public override string Name => "overlapping-ranges";
    public override string Claim => "each of several open ranges protects its pages until its own end";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RangesOverlap, ReachedCase.FaultRetried];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { RamPages = 3 };
        plan.Vcpu().Write(0).Write(1);
        plan.Vcpu().Write(2).Read(0);
        plan.Actor("mm-0").DontNeed(0, 2);
        plan.Actor("mm-1").DontNeed(2).DontNeed(1, 2);
    }
}

/// <summary>
/// Claim: a zap that yields mmu_lock between two page-table pages has announced its range before and flushes what it zapped before any page
/// is freed (S2, S5, S1). The range covers a table page that is mapped and one that is not, so that a yield can be its last act, while
/// reclaim and guests' faults contend for the lock (kvm-protocol 2.7, I6).
/// </summary>
internal sealed class YieldingZap : Scenario
{
    public override string Name => "yielding-zap";
    public override string Claim => "a zap that yields mmu_lock keeps its range closed and its flush pending";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RangesOverlap, ReachedCase.FaultRetried];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { RamPages = 8 };
        foreach (var page in (int[])[0, 2, 6, 7]) plan.Before(async stage => await stage.Vm.TouchAsync(BedVm.RamGfn(page), write: true));
        // Its table page stays, with nothing in it.
        plan.Before(
            async stage =>
                await stage.Bed.RunEventAsync(stage.Bed.NewOperation(HostEventKind.DontNeed), stage.Vm.AddressSpaceId, BedVm.RamHva(2), 1));
        plan.Vcpu().Write(0).Write(4);
        plan.Vcpu().Write(1).Write(5);
        plan.Actor("mm").DontNeed(0, 4);
        plan.Actor("kswapd").Reclaim(6).Reclaim(7);
    }
}

/// <summary>
/// Claim: a task that begins a range inside of another one gets through, with a memslot update between its two starts (deadlock). The outer
/// range is an mprotect, the inner one the reclaim of a page that it needs memory for. A fair rwsem fails: the update queues behind the
/// outer start, and the inner start behind the update (kvm-protocol 2.2). That is the seed's known flaw, and a finding of it is labelled
/// so.
/// </summary>
internal sealed class NestedRanges : Scenario
{
    public override string Name => "nested-ranges";
    public override string Claim => "two nested ranges of one task and a memslot update all come to their end";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RangesOverlap, ReachedCase.PublishMetRange];

    public override IReadOnlyList<KnownOutcome> Known =>
    [
        new("rwsem", [Invariants.Deadlock], "a fair semaphore that is held from start to end: "
            + "the inner start queues behind the writer that waits for the outer one"),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Vcpu().Write(0).Read(1);
        plan.Actor("mm").NestRanges(0, 2);
        plan.Actor("user").Plug();
    }
}

/// <summary>
/// Claim: a range that may not sleep is refused or gets through, and every subscriber that had its start gets its end (S3, L1, L2). The OOM
/// reaper takes pages; a driver beside KVM refuses with -EAGAIN after KVM has counted the range (B1), a memslot update waits for it, and
/// guests fault on its pages (kvm-protocol 6.2).
/// </summary>
internal sealed class NonBlockableRange : Scenario
{
    public override string Name => "non-blockable-range";
    public override string Claim => "every subscriber that got a refused range's start gets its end";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RangeRefused];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("driver", "1: a driver of the process refuses what may not sleep, 0: none does", 1, 0, 1),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { HasRefusingDriver = plan.Parameter("driver") == 1 };
        plan.Vcpu().Write(0).Read(1);
        plan.Actor("oom-reaper").OomReap(0, 2).OomReap(0);
        plan.Actor("mm").DontNeed(1);
        plan.Actor("user").Plug();
    }
}

/// <summary>
/// Claim: no vCPU writes a page that KSM has merged: the page is copied first, and the log has the write (S10, S12, S1, S6). The daemon
/// write-protects, compares and replaces two pages of equal content while guests read and write them and a migration reads the log
/// (kvm-protocol 6.1 and 2.7, I10).
/// </summary>
internal sealed class KsmMerge : Scenario
{
    public override string Name => "ksm-merge";
    public override string Claim => "a merged page is not written through any SPTE, and a write that unshares it is logged";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.MergeBroken];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        foreach (var page in (int[])[0, 1])
            plan.Before(async stage => await stage.Vm.Vm.SoftwareWriter.WriteAsync(
                stage.Bed.NewOperation(OperationKind.SoftwareWrite), 0, BedVm.RamGfn(page), GuestVerbs.CommonContent));
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Read(0).Write(0).Read(1);
        plan.Vcpu().Read(1).WriteCommon(1).Write(1);
        plan.Actor("ksmd").KsmScan(6);
        plan.Actor("user").LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: a page that a device holds stays where it is until the device has written to it (the oracle, S13). Reclaim, compaction and KSM
/// look at the references on a page when they have taken its mapping away, and give it back if there is one too many (kvm-protocol 2.7,
/// I10). Both pages have the same content, so that ksmd may merge them.
/// </summary>
internal sealed class PinnedPage : Scenario
{
    public override string Name => "pinned-page";
    public override string Claim => "a page that a device holds is not swapped out, moved or merged before the device has written";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.HeldPageLeft];

    public override void LayOut(ScenarioPlan plan)
    {
        foreach (var page in (int[])[0, 1])
            plan.Before(async stage => await stage.Vm.Vm.SoftwareWriter.WriteAsync(
                stage.Bed.NewOperation(OperationKind.SoftwareWrite), 0, BedVm.RamGfn(page), GuestVerbs.CommonContent));
        plan.Vcpu().Read(0).WriteCommon(0).Read(1).Read(0);
        plan.Actor("device").WriteByDevice(0).WriteByDevice(1);
        plan.Actor("kswapd").Reclaim(0, 2);
        plan.Actor("kcompactd").Migrate(0, 2);
        plan.Actor("ksmd").KsmScan(6);
    }
}

/// <summary>
/// Claim: every page that a fault was given is given back once, whatever becomes of the faults beside it (S11, the oracle). Guests fault
/// at once on more pages than the host has frames, so some faults get none and end last, while others' pages are kept for the next call
/// to the host. Meanwhile the host swaps pages out, moves, merges and unmaps them, and must leave those alone that are kept (kvm-protocol
/// 2.7, I10).
/// </summary>
internal sealed class KeptPages : Scenario
{
    public override string Name => "kept-pages";
    public override string Claim => "a page that is kept for the next call to the host is left alone meanwhile and given back once";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.KeptPagesGoAlong, ReachedCase.HeldPageLeft];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { RamPages = 4, Frames = 3 };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Vcpu().WriteCommon(0).Write(2);
        plan.Vcpu().WriteCommon(1).Write(3).Write(0);
        plan.Vcpu().Write(2).Write(3).Read(1);
        plan.Actor("kswapd").Reclaim(0, 4).Reclaim(0, 4);
        plan.Actor("kcompactd").Migrate(0, 4);
        plan.Actor("ksmd").KsmScan(6);
        plan.Actor("mm").Unmap(0, 2);
    }
}

/// <summary>
/// Claim: a child of fork sees the memory that it was born with for as long as it lives, whatever guests, KVM and KSM write meanwhile (S13,
/// the oracle). Both pages have the same content, so that ksmd may merge what the child shares; KVM writes through the host's page table
/// and the guests through SPTEs (kvm-protocol 6.1, PROTECTION_PAGE and COW).
/// </summary>
internal sealed class ForkChild : Scenario
{
    public override string Name => "fork-child";
    public override string Claim => "a child of fork keeps the memory that it was born with";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.SharedPageCopied];

    public override void LayOut(ScenarioPlan plan)
    {
        for (var page = 0; page < 2; page++)
        {
            var gfn = VmLayout.RamGfn + page;
            plan.Before(async stage => await stage.Vm.Vm.SoftwareWriter.WriteAsync(
                stage.Bed.NewOperation(OperationKind.SoftwareWrite), 0, gfn, GuestVerbs.CommonContent));
        }

        plan.Vcpu().Write(0).Read(1).Write(0);
        plan.Vcpu().Read(0).Write(1);
        plan.Actor("process").Fork(0, 2).Fork(0);
        plan.Actor("emulator").SoftwareWrite(1);
        plan.Actor("ksmd").KsmScan(6);
    }
}

/// <summary>
/// Claim: a write that must copy a page and finds no frame leaves everything as it was, and no reference behind (S11, S1, S13). The host
/// has no frame to spare while a child of fork shares both pages; frames come back when the process discards a page or the child ends
/// (<c>wp_page_copy</c> of mm/memory.c, <c>VM_FAULT_OOM</c>).
/// </summary>
internal sealed class CopyWithoutFrame : Scenario
{
    public override string Name => "copy-without-frame";
    public override string Claim => "a copy that finds no frame leaves the page and its references as they were";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.CopyFoundNoFrame];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { Frames = 3 };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0);
        plan.Vcpu().Write(1).Read(0).Write(1);
        plan.Actor("process").Fork(0, 2).Fork(0, 2);
        plan.Actor("mm").DontNeed(0);
    }
}

/// <summary>
/// Claim: when a page is freed no TLB has it any more, so no vCPU sees its next owner's content (S5, S1, S9). Frames are few, so the frame
/// that the host takes from page 0 becomes another page's at once, while vCPUs still use their TLBs (kvm-protocol 2.1, flush before free).
/// </summary>
internal sealed class PageReuse : Scenario
{
    public override string Name => "page-reuse";
    public override string Claim => "no vCPU reaches a freed page, whatever its next owner";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FaultRetried];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { Frames = 4 };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Vcpu().Write(0).Write(0).Read(0);
        plan.Vcpu().Read(0).Write(1).Read(1);
        plan.Actor("mm").DontNeed(0).DontNeed(1);
    }
}

/// <summary>
/// Claim: a vCPU that is asked to pause still answers a TLB flush only when it has left the guest (S5, S1). User space pauses all vCPUs for
/// a final sync while the host takes pages away that become others' at once (kvm-protocol 2.1, 8).
/// </summary>
internal sealed class FlushVsPause : Scenario
{
    public override string Name => "flush-vs-pause";
    public override string Claim => "a TLB flush waits for a vCPU that is on its way out of the guest";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FaultRetried];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { Frames = 4, DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(0).Read(0).Write(0);
        plan.Vcpu().Read(0).Write(1).Read(0);
        plan.Actor("mm").DontNeed(0).DontNeed(0);
        plan.Actor("user").VerifyLog().VerifyLog();
    }
}
