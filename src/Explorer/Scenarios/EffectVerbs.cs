using Livebed.Explorer.Beds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>Operations with a look at what they have done. What they touch, nothing else may touch meanwhile.</summary>
public static class EffectVerbs
{
    /// <summary>Visits of ksmd after which equal pages are one: more than two passes over all that a scene has mapped.</summary>
    private const int KsmVisits = 40;

    /// <summary>Any memory event on RAM, after a write to each page that nothing else touches.</summary>
    /// <param name="actor">the process</param>
    /// <param name="kind">of the event</param>
    /// <param name="page">its first page</param>
    /// <param name="pages">its pages</param>
    /// <param name="untouched">pages from the first of RAM on that nothing else touches, those of the event among them</param>
    public static ActorPlan CheckEvent(this ActorPlan actor, HostEventKind kind, int page, int pages, int untouched) => actor.InHost(
        $"{kind.Name} {HostVerbs.Pages(page, pages)}, and a look at them",
        stage => kind == HostEventKind.KsmScan ? CheckMergeAsync(stage, page, pages)
            : kind == HostEventKind.Ageing ? CheckAgeingAsync(stage, page, pages)
            : CheckEventAsync(stage, kind, page, pages, untouched));

    /// <summary>Empties the log, writes to pages and reads others anew, and then asks the log twice.</summary>
    /// <param name="actor">user space</param>
    /// <param name="pages">that only this touches</param>
    /// <param name="written">of those, the ones that are written</param>
    /// <param name="read">of those, the ones that are discarded and then read, before others are written</param>
    public static ActorPlan CheckLog(this ActorPlan actor, int[] pages, int[] written, int[] read) => actor.InVm(
        $"dirty log after writes to pages {string.Join(", ", written)}", async stage =>
        {
            await LogOf(stage, pages);
            foreach (var page in read)
            {
                await Bed.RunEventAsync(
                    stage.Vm.Host, stage.Bed.NewOperation(HostEventKind.DontNeed), stage.Vm.AddressSpaceId, BedVm.RamHva(page), 1);
                await stage.Vm.TouchAsync(BedVm.RamGfn(page), write: false);
            }

            // A discard may be logged; a read may not.
            await LogOf(stage, pages);
            foreach (var page in read)
            {
                // A page that has moved is writable for the host still, and the guest's read is a fault.
                await WriteAsync(stage, page, 1);
                await LogOf(stage, [page]);
                await Bed.RunEventAsync(
                    stage.Vm.Host, stage.Bed.NewOperation(HostEventKind.PageMigration), stage.Vm.AddressSpaceId, BedVm.RamHva(page),
                    1);
                await stage.Vm.TouchAsync(BedVm.RamGfn(page), write: false);
            }

            foreach (var page in written) await stage.Vm.TouchAsync(BedVm.RamGfn(page), write: true);
            Expect(stage, "the dirty log has pages", await LogOf(stage, pages), written);
            foreach (var page in written)
                if (stage.Vm.Vm.Sptes.TryGet(BedVm.RamGfn(page), out var spte) && spte.IsWritable)
                    stage.Broke(Invariants.Effect, $"page {page} was reported by the dirty log and is writable still");
            Expect(stage, "the dirty log, read once more, has pages", await LogOf(stage, pages), []);
        });

    /// <summary>Creates the hot-plug memslot with its log on, asks the log, and takes the memslot out again.</summary>
    public static ActorPlan CheckLogOfNewMemslot(this ActorPlan actor) => actor.InVm("dirty log of a new memslot", async stage =>
    {
        var (bed, vm) = (stage.Bed, stage.Vm);
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate), MemslotFlags.LogDirtyPages);
        var reported = new PageSet(new HvaRange(VmLayout.HotplugHva, bed.Options.HotplugPages));
        await vm.Vm.DirtyLog.GetAsync(bed.NewOperation(OperationKind.DirtyLogGet), VmLayout.HotplugSlotId, reported);
        var expected = vm.Vm.Options.DirtyLog == DirtyLogMode.InitiallySet ? bed.Options.HotplugPages : 0;
        if (reported.Count != expected)
            stage.Broke(
                Invariants.Effect,
                $"the log of a new memslot of {bed.Options.HotplugPages} pages begins with {reported.Count}, and not with {expected}");
        await vm.UnplugAsync(bed.NewOperation(OperationKind.MemslotDelete));
    });

    /// <summary>The first vCPU is throttled for a few timeslices, and then no more.</summary>
    public static ActorPlan CheckThrottle(this ActorPlan actor, int percentage) => actor.InVm($"throttle {percentage} %", async stage =>
    {
        const int Slices = 3;
        const long Granularity = 1_000;
        var (world, vcpu) = (stage.Bed.World, stage.Vm.Vm.Vcpus[0]);
        var op = stage.Bed.NewOperation(OperationKind.Migration);
        var sleep = ThrottleClock.TimesliceMicroseconds * percentage / (100 - percentage);
        var least = ThrottleClock.TimesliceMicroseconds + sleep;
        await vcpu.ThrottleAsync(op, new VcpuThrottle(percentage, 0));
        var (began, steps) = (world.NowMicroseconds, world.Steps);
        await world.DelayAsync(Slices * least);
        var lasted = world.NowMicroseconds - began;
        var slept = (await vcpu.ThrottleOfAsync(op)).SleptMicroseconds;
        if (slept > 0) world.Reached(ReachedCase.GuestThrottled);
        await vcpu.ThrottleAsync(op, VcpuThrottle.None);

        // It finds out late that a slice is over, and sleeps in pieces, of a millisecond each; steps take time too.
        var late = 2 * Granularity + world.Steps - steps;
        var (few, many) = (lasted / (least + late) * sleep - sleep, (lasted / least + 1) * (sleep + late));
        if (!stage.Vm.Vcpus[0].IsHalted && (slept < few || slept > many))
            stage.Broke(
                Invariants.Effect,
                $"a vCPU that is throttled by {percentage} % has slept {slept} us of {lasted} us, and not {few} to {many} us");
        await world.DelayAsync(2 * least);
        var sleptAfter = (await vcpu.ThrottleOfAsync(op)).SleptMicroseconds - slept;
        if (sleptAfter > late) stage.Broke(Invariants.Effect, $"a vCPU has slept {sleptAfter} us after its throttle was taken away");
    });

    /// <summary>The first vCPU, which writes to a new page each time, is limited for a few windows, and then no more.</summary>
    public static ActorPlan CheckDirtyLimit(this ActorPlan actor, long pagesPerSecond) => actor.InVm(
        $"dirty limit {pagesPerSecond} pages a second", async stage =>
        {
            const int Windows = 2;
            var (world, vcpu) = (stage.Bed.World, stage.Vm.Vm.Vcpus[0]);
            var op = stage.Bed.NewOperation(OperationKind.Migration);
            var counters = stage.Vm.Vcpus[0].Counters;
            var share = Math.Max(1, pagesPerSecond * ThrottleClock.WindowMicroseconds / 1_000_000);
            var window = share * 1_000_000 / pagesPerSecond;
            await vcpu.ThrottleAsync(op, new VcpuThrottle(0, pagesPerSecond));
            var (began, before) = (world.NowMicroseconds, counters.Accesses);
            await world.DelayAsync(Windows * window);
            var written = counters.Accesses - before;
            var most = ((world.NowMicroseconds - began) / window + 1) * share + 1;
            if (written > most)
                stage.Broke(
                    Invariants.Effect,
                    $"a vCPU limited to {pagesPerSecond} pages a second has written {written} in {world.NowMicroseconds - began} us");
            if (!stage.Vm.Vcpus[0].IsHalted && written < Windows * share - 1)
                stage.Broke(Invariants.Effect, $"a vCPU that may write {share} pages a window has written {written} in {Windows}");
            await vcpu.ThrottleAsync(op, VcpuThrottle.None);
        });

    private static async ValueTask CheckEventAsync(Stage stage, HostEventKind kind, int page, int pages, int untouched)
    {
        await WriteAsync(stage, 0, untouched);
        var before = Enumerable.Range(page, pages).Select(at => LookAt(stage, at).Pfn).ToList();
        var result = await RunAsync(stage, kind, page, pages);
        CheckResult(stage, kind, result, pages);
        for (var i = 0; i < pages; i++)
        {
            var now = LookAt(stage, page + i);
            if (now.As(before[i]) is var found && found != After(kind, isFirst: i == 0))
                stage.Broke(
                    Invariants.Effect, $"{kind.Name} is done, and page {page + i} is {found}, not {After(kind, isFirst: i == 0)}");
        }

        // The range of clear_refs is all of the process.
        var besides = kind == HostEventKind.ClearSoftDirty ? [] : Enumerable.Range(0, untouched);
        foreach (var beside in besides.Where(at => at < page || at >= page + pages))
            if (!stage.Vm.Vm.Sptes.TryGet(BedVm.RamGfn(beside), out _))
                stage.Broke(Invariants.Effect, $"{kind.Name} of {HostVerbs.Pages(page, pages)} is done, and has zapped page {beside}");
        await WriteAsync(stage, page, pages);
    }

    private static async ValueTask CheckAgeingAsync(Stage stage, int page, int pages)
    {
        // By turns the events clear and flush, clear, and only ask: among three there are two that clear.
        await WriteAsync(stage, page, pages);
        var first = await RunAsync(stage, HostEventKind.Ageing, page, pages);
        await RunAsync(stage, HostEventKind.Ageing, page, pages);
        var third = await RunAsync(stage, HostEventKind.Ageing, page, pages);
        CheckResult(stage, HostEventKind.Ageing, first, pages);
        if (third.Pages > 0) stage.Broke(Invariants.Effect, $"{third.Pages} pages are young that ageing has found twice");
    }

    private static async ValueTask CheckMergeAsync(Stage stage, int page, int pages)
    {
        for (var i = 0; i < pages; i++)
            await stage.CommandAsync(async vm => await vm.Vm.SoftwareWriter.WriteAsync(
                stage.Bed.NewOperation(OperationKind.SoftwareWrite), 0, BedVm.RamGfn(page + i), GuestVerbs.CommonContent));
        await RunAsync(stage, HostEventKind.KsmScan, page, KsmVisits);
        for (var i = 1; i < pages; i++)
            if (LookAt(stage, page + i) is var now && (now.Pfn != LookAt(stage, page).Pfn || now.Writes))
                stage.Broke(Invariants.Effect, $"ksmd has been twice at pages {page} and {page + i} of one content, and they are apart");
        await WriteAsync(stage, page, pages);
    }

    private static async ValueTask WriteAsync(Stage stage, int page, int pages)
    {
        for (var i = 0; i < pages; i++) await stage.Vm.TouchAsync(BedVm.RamGfn(page + i), write: true);
        for (var i = 0; i < pages; i++) await GivenBackAsync(stage, page + i);
    }

    /// <summary>Waits until the host has the page back: the VM keeps it while other faults are under way (<see cref="KeptPages"/>), and an
    /// event does nothing to a page that is pinned.</summary>
    private static async ValueTask GivenBackAsync(Stage stage, int page)
    {
        while (stage.Vm.Host.Frames.HasReference(LookAt(stage, page).Pfn)) await stage.Bed.World.PointAsync(SchedulingPoint.Retry);
    }

    private static ValueTask<HostEventResult> RunAsync(Stage stage, HostEventKind kind, int page, int pages) => Bed.RunEventAsync(
        stage.Vm.Host, stage.Bed.NewOperation(kind), stage.Vm.AddressSpaceId, BedVm.RamHva(page), pages);

    private static void CheckResult(Stage stage, HostEventKind kind, HostEventResult result, int pages)
    {
        if (result != HostEventResult.Of(pages))
            stage.Broke(Invariants.Effect, $"{kind.Name} of {pages} pages that are mapped answers {result.Status}, {result.Pages} pages");
    }

    /// <summary>What the log says now of the pages; afterwards it is empty.</summary>
    private static async ValueTask<List<int>> LogOf(Stage stage, int[] pages)
    {
        var vm = stage.Vm.Vm;
        var op = stage.Bed.NewOperation(OperationKind.DirtyLogGet);
        var dirty = new HashSet<Hva>();
        if (vm.Options.DirtyLog == DirtyLogMode.Ring)
        {
            await vm.DirtyRings.ReapAsync(op, (id, page) =>
            {
                if (vm.Memslots.Active.ById(id) is { } slot) dirty.Add(slot.BaseHva + page);
            });
        }
        else
        {
            foreach (var slot in vm.Memslots.Active.Slots.Where(slot => slot.Id < stage.Bed.Options.RamSlots).ToList())
            {
                var reported = new PageSet(slot.Hvas);
                await vm.DirtyLog.GetAsync(op, slot.Id, reported);
                if (vm.Options.DirtyLog != DirtyLogMode.Bitmap) await vm.DirtyLog.ClearAsync(op, slot.Id, reported);
                foreach (var hva in reported) dirty.Add(hva);
            }
        }

        return [.. pages.Where(page => dirty.Contains(BedVm.RamHva(page)))];
    }

    private static void Expect(Stage stage, string what, List<int> found, int[] expected)
    {
        if (!found.SequenceEqual(expected))
            stage.Broke(Invariants.Effect, $"{what} {Text(found)}, and written were {Text(expected)}");

        static string Text(IReadOnlyList<int> pages) => pages.Count == 0 ? "none" : string.Join(", ", pages);
    }

    private static PageState After(HostEventKind kind, bool isFirst)
    {
        if (kind == HostEventKind.PageMigration) return PageState.Elsewhere;
        if (kind == HostEventKind.NestedRange) return isFirst ? PageState.Gone : PageState.ReadOnly;
        return kind == HostEventKind.Fork || kind == HostEventKind.Mprotect || kind == HostEventKind.ClearSoftDirty
            ? PageState.ReadOnly
            : PageState.Gone;
    }

    private static PageLook LookAt(Stage stage, int page)
    {
        var host = stage.Vm.Host;
        if (!host.Process(stage.Vm.AddressSpaceId).TryFaultInFast(BedVm.RamHva(page), write: false, out var found))
            return new PageLook(Pfn.None, Writes: false);
        host.Frames.Put(found.Pfn);
        return new PageLook(found.Pfn, found.Writable);
    }

    private enum PageState : byte
    {
        /// <summary>No access goes through.</summary>
        Gone,

        ReadOnly,
        Writable,

        /// <summary>In another frame, which can be written.</summary>
        Elsewhere,
    }

    /// <summary>What an access without a fault finds.</summary>
    private readonly record struct PageLook(Pfn Pfn, bool Writes)
    {
        public PageState As(Pfn before) =>
            Pfn.IsNone ? PageState.Gone
            : Pfn != before ? (Writes ? PageState.Elsewhere : PageState.ReadOnly)
            : Writes ? PageState.Writable : PageState.ReadOnly;
    }
}
