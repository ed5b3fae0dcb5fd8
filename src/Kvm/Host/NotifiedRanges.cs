using Livebed.Kvm.Addresses;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// The ranges of one address space that are between start and end now: <c>mmu_notifier_invalidate_range_start/end</c> as the mm calls them
/// (kvm-protocol 2.0), and the ground truth for S10. A range counts as open from the return of the last start callback to the first end
/// callback, which is when PTEs may change.
/// </summary>
internal sealed class NotifiedRanges(HostState host, AddressSpace mm)
{
    private readonly TrackedList<OpenRange> _open = new(host.World);

    /// <summary>Whether one open range covers the page.</summary>
    public bool Covers(Hva hva)
    {
        foreach (var range in _open)
            if (range.Range.Pages.Contains(hva)) return true;
        return false;
    }

    /// <summary>Begins a blockable range, which no subscriber may refuse.</summary>
    public async ValueTask<MmuNotifierRange> StartAsync(Operation op, HvaRange pages, MmuNotifierEvent kind)
    {
        var range = NewRange(pages, kind, blockable: true);
        var before = op.Held;
        using var phase = host.World.Observer.Phase(op, "invalidate_range_start");
        await mm.Subscriptions.InvalidateRangeStartAsync(op, range);
        Open(op, range, before);
        return range;
    }

    /// <summary>Begins a non-blockable range; null is -EAGAIN, and then there is no end.</summary>
    public async ValueTask<MmuNotifierRange?> TryStartNonBlockableAsync(Operation op, HvaRange pages, MmuNotifierEvent kind)
    {
        var range = NewRange(pages, kind, blockable: false);
        var before = op.Held;
        using var phase = host.World.Observer.Phase(op, "invalidate_range_start");
        if (!await mm.Subscriptions.InvalidateRangeStartAsync(op, range))
        {
            host.Counters.RangesRefused++;
            return null;
        }

        Open(op, range, before);
        return range;
    }

    public async ValueTask EndAsync(Operation op, MmuNotifierRange range)
    {
        var taken = Close(range);
        using (host.World.Observer.Phase(op, "invalidate_range_end")) await mm.Subscriptions.InvalidateRangeEndAsync(op, range);
        GiveBack(op, taken);
    }

    /// <summary>A whole range around a change: start; the mm works for a while; change; end.</summary>
    /// <returns>what <paramref name="change"/> returned</returns>
    public async ValueTask<int> WithinAsync(
        Operation op, HvaRange pages, MmuNotifierEvent kind, long holdMicroseconds, Func<ValueTask<int>> change)
    {
        // As in StartAsync and EndAsync, without a state of their own: every invalidation comes here.
        var range = NewRange(pages, kind, blockable: true);
        var before = op.Held;
        using (host.World.Observer.Phase(op, "invalidate_range_start")) await mm.Subscriptions.InvalidateRangeStartAsync(op, range);
        Open(op, range, before);
        try
        {
            await WorkAsync(holdMicroseconds);
            return await change();
        }
        finally
        {
            await host.StepAsync();
            var taken = Close(range);
            using (host.World.Observer.Phase(op, "invalidate_range_end")) await mm.Subscriptions.InvalidateRangeEndAsync(op, range);
            GiveBack(op, taken);
        }
    }

    /// <summary>What the mm does between start and the change of the PTEs, as time.</summary>
    public ValueTask WorkAsync(long holdMicroseconds)
    {
        return holdMicroseconds > 0 ? WorkFirstAsync(holdMicroseconds) : host.StepAsync();
    }

    private async ValueTask WorkFirstAsync(long holdMicroseconds)
    {
        await host.World.DelayAsync(holdMicroseconds);
        await host.StepAsync();
    }

    private MmuNotifierRange NewRange(HvaRange pages, MmuNotifierEvent kind, bool blockable)
    {
        host.Counters.NotifierRanges++;
        if (mm.Find(pages.Start) is { Kind: VmaKind.Scratch }) host.Counters.SpuriousRanges++;
        return new MmuNotifierRange(host.NextRangeId(), pages, kind, blockable);
    }

    private void Open(Operation op, MmuNotifierRange range, HeldLocks before)
    {
        _open.Add(new OpenRange(range, new HeldLocks(op.Held.Read & ~before.Read, op.Held.Write & ~before.Write)));
        host.OpenRanges++;
    }

    /// <returns>the lock classes that the start callbacks left with the operation</returns>
    private HeldLocks Close(MmuNotifierRange range)
    {
        var index = _open.FindIndex(open => open.Range.RangeId == range.RangeId);
        var taken = _open[index].Taken;
        _open.RemoveAt(index);
        host.OpenRanges--;
        return taken;
    }

    /// <summary>A subscriber that went in between has reset what its start took; the operation does not hold it any longer.</summary>
    private static void GiveBack(Operation op, HeldLocks taken) =>
        op.Held = new HeldLocks(op.Held.Read & ~taken.Read, op.Held.Write & ~taken.Write);

    /// <summary>A range and the lock classes that its start callbacks left with the operation, for the end to give back.</summary>
    private readonly record struct OpenRange(MmuNotifierRange Range, HeldLocks Taken);
}
