using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// Which pages are still to be sent: QEMU's <c>RAMState</c> (migration/ram.c) and its memory listener. Each RAM block has one bitmap with
/// four sources: KVM's logs of its memslots (<c>migration_bitmap_sync</c>), what user space discarded, what its devices wrote, and memslots
/// that came, went or did not log for a time. Every page of those counts as dirty, because the bits between the last GET and the update
/// are lost (kvm-protocol 9.2, Q1). A memslot that moves keeps its bits. Bits are always taken before the pages are read: early is
/// harmless, late loses writes.
/// </summary>
internal sealed class RamState(Vm vm, DeviceLog devices, IStreamPort stream, IReadOnlyList<HvaRange> ranges)
{
    private readonly TrackedMap<int, Memslot> _followed = new(vm.LogState);
    private Tracked<bool> _isLogging = new(vm.LogState);

    [Untracked("never changed: the blocks have cells")]
    public RamBlock[] Blocks { get; } = [.. ranges.Select(range => new RamBlock(vm.LogState, range))];

    public bool IsLogging
    {
        get => _isLogging.Value;
        private set => _isLogging.Value = value;
    }

    public long DirtyPages => Blocks.Sum(block => block.Dirty.Count);

    /// <summary>A memslot whose log is on; null when there is none.</summary>
    public Memslot? LoggedSlot => UserSlots.FirstOrDefault(slot => slot.LogsDirtyPages);

    private bool ClearsByHand => vm.Options.DirtyLog is DirtyLogMode.Manual or DirtyLogMode.InitiallySet;

    private IEnumerable<Memslot> UserSlots =>
        vm.Memslots.Active.Slots.Where(slot => slot.Id < MemslotUpdater.FirstPrivateId && slot.Pages > 0).ToList();

    /// <summary><c>ram_init_bitmaps</c>: every page is dirty, and from here on every write is logged. The caller holds the BQL.</summary>
    /// <returns>false when the VM is dying</returns>
    public async ValueTask<bool> StartAsync(Operation op)
    {
        for (var i = 0; i < Blocks.Length; i++)
        {
            if (vm.Options.Mutant == Mutant.RetryKeepsOldDirtySet && vm.LeftDirty is { } left) Blocks[i].Dirty.UnionWith(left[i]);
            else Blocks[i].Dirty.AddAll();
        }

        IsLogging = true;
        foreach (var block in Blocks) devices.Start(block.Range);
        foreach (var slot in UserSlots) await FollowAsync(op, slot);
        return !vm.Users.IsClosing;
    }

    public async ValueTask StopAsync(Operation op)
    {
        IsLogging = false;
        devices.Stop();
        if (vm.Options.Mutant == Mutant.RetryKeepsOldDirtySet) vm.LeftDirty = [.. Blocks.Select(block => block.Dirty.Clone())];
        foreach (var slot in UserSlots)
            if (slot.LogsDirtyPages)
                await vm.MemslotUpdates.SetLoggingAsync(op, slot.Id, logs: false);
    }

    /// <summary><c>migration_bitmap_sync</c>. The caller holds the BQL.</summary>
    /// <returns>pages that were clean before; -1 when the VM is dying</returns>
    public async ValueTask<long> SyncAsync(Operation op, bool isFinal)
    {
        var before = DirtyPages;
        vm.Counters.DirtyLogGets++;
        if (vm.Options.DirtyLog == DirtyLogMode.Ring && await vm.DirtyRings.ReapAsync(op, MarkHarvested) < 0) return -1;

        // Beside rings a bitmap has only what was written without a vCPU: collected at the end, as QEMU does.
        if (vm.Options.DirtyLog != DirtyLogMode.Ring || (isFinal && vm.Options.UsesDirtyBitmap))
            foreach (var slot in UserSlots)
            {
                var reported = new PageSet(slot.Hvas);
                var result = await vm.DirtyLog.GetAsync(op, slot.Id, reported);
                if (!result.IsOk) continue;
                foreach (var block in Blocks) block.Dirty.UnionWith(reported);
            }

        await CompareSlotsAsync(op);
        foreach (var block in Blocks) block.Dirty.UnionWith(await stream.TakeDiscardedAsync(op, block.Range));
        foreach (var block in Blocks)
            if (block.Dirty.UnionWith(devices.Take(block.Range)) > 0)
                vm.World.Reached(ReachedCase.DeviceDirtiedPage);
        return vm.Users.IsClosing ? -1 : DirtyPages - before;
    }

    /// <summary>Marks memslots that came, went or lost their log since the last sync, for whatever reason. This follows the read of
    /// the logs, so that no bit is lost with its memslot.</summary>
    private async ValueTask CompareSlotsAsync(Operation op)
    {
        var slots = UserSlots.ToDictionary(slot => slot.Id);
        foreach (var (id, known) in _followed.ToArray())
        {
            if (slots.TryGetValue(id, out var slot) && IsFollowed(slot)) continue;
            Mark(known.Hvas);
            _followed.Remove(id);
        }

        foreach (var slot in slots.Values)
        {
            if (IsFollowed(slot)) continue;
            await FollowAsync(op, slot);
            Mark(slot.Hvas);
        }
    }

    /// <summary>The memslot has logged its writes in the same bitmap since the last look.</summary>
    private bool IsFollowed(Memslot slot) => _followed.TryGetValue(slot.Id, out var known)
        && (slot.ContinuesLogOf(known) || vm.Options.Mutant == Mutant.LostLogNotSeen);

    private async ValueTask FollowAsync(Operation op, Memslot slot)
    {
        if (await vm.MemslotUpdates.SetLoggingAsync(op, slot.Id, logs: true) is { } logging) _followed[slot.Id] = logging;
    }

    private void Mark(HvaRange range)
    {
        foreach (var block in Blocks) block.Dirty.Add(range);
    }

    /// <summary>Before a batch is read: KVM takes the bits of its pages and write-protects them
    /// (<c>migration_clear_memory_region_dirty_bitmap</c>). Nothing to do where GET has done so.</summary>
    public async ValueTask ClearAsync(Operation op, PageSet batch)
    {
        if (!ClearsByHand) return;
        foreach (var slot in UserSlots)
        {
            if (!slot.Hvas.Overlaps(batch.Range)) continue;
            var pages = new PageSet(WordsOf(slot, batch.Range));
            if (vm.Options.Mutant == Mutant.ClearBeyondGet) pages = PageSet.All(pages.Range);
            else pages.UnionWith(batch);
            await vm.DirtyLog.ClearAsync(op, slot.Id, pages);
        }
    }

    /// <summary>The part of the slot that the words of its bitmap have which hold a page of the range.</summary>
    private static HvaRange WordsOf(Memslot slot, HvaRange range)
    {
        var common = slot.Hvas.Intersect(range);
        var first = (common.Start - slot.BaseHva) / PageSet.PagesPerWord * PageSet.PagesPerWord;
        var end = (long)PageSet.WordsFor(common.End - slot.BaseHva) * PageSet.PagesPerWord;
        return new HvaRange(slot.BaseHva + first, Math.Min(end, slot.Pages) - first);
    }

    /// <summary>KVM_SET_USER_MEMORY_REGION while a migration goes on; the caller holds the BQL. Logging stays on, whatever the flags
    /// say.</summary>
    public async ValueTask<MemslotResult> SetMemslotAsync(Operation op, MemslotChange change)
    {
        var old = vm.Memslots.Active.ById(change.Id);
        if (IsLogging && change.Pages > 0) change = change with { Flags = change.Flags | MemslotFlags.LogDirtyPages };
        var result = await vm.MemslotUpdates.SetAsync(op, change);
        if (!IsLogging || result != MemslotResult.Ok) return result;
        if (vm.Memslots.Active.ById(change.Id) is { } slot && IsFollowed(slot)) return result;
        if (old is not null) Mark(old.Hvas);
        if (change.Pages > 0) Mark(new HvaRange(change.BaseHva, change.Pages));
        return result;
    }

    /// <summary>Marks the page of a dirty-ring entry that was harvested and reset.</summary>
    public void MarkHarvested(int slotId, long page)
    {
        if (vm.Memslots.Active.ById(slotId) is not { } slot) return;
        foreach (var block in Blocks)
            if (block.Range.Contains(slot.BaseHva + page))
                block.Dirty.Add(slot.BaseHva + page);
    }

    public RamBlock? BlockOf(Hva hva) => Array.Find(Blocks, block => block.Range.Contains(hva));
}

/// <summary>
/// QEMU's <c>RAMBlock</c> with its <c>bmap</c>: guest memory in one area of the process, and the pages of which the destination lacks the
/// newest copy, as far as user space knows.
/// </summary>
/// <param name="log">the place of the VM's dirty log</param>
/// <param name="range">memory of the process</param>
internal sealed class RamBlock(Place log, HvaRange range)
{
    public HvaRange Range => range;

    public TrackedPageSet Dirty { get; } = new(new PlaceTable(log), range);

    /// <summary>The first dirty word becomes clean: what a mutant loses. A whole word, since a single page may have been written just
    /// before it was read, and then nothing is lost.</summary>
    public void LoseFirst()
    {
        var from = 0L;
        Dirty.TakeNext(ref from, PageSet.PagesPerWord);
    }
}
