using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// The destination's state of one incoming migration (QEMU's <c>MigrationIncomingState</c>): which stream may be stored, what has arrived,
/// and, in post-copy, what is missing. Keeps: a pre-copy page is never stored once post-copy was entered, because the guest may have
/// written there; a missing page is never read as zeroes. Simplified: while pages come in nothing of guest memory is discarded here, from
/// the first chunk on (QEMU forbids it in post-copy only; before, its guest does not run and so asks for nothing).
/// </summary>
internal sealed class IncomingPages(HostState host, AddressSpace mm, long stream, long epoch)
{
    private readonly PageBits _received = new(host.World, mm);
    private Tracked<(Stage Stage, PageBits? Missing, UserFaultQueue? Waiters)> _state = new(host.World);

    private enum Stage : byte
    {
        Precopy,
        Discarding,
        Postcopy,
        Ended,
    }

    public long Stream { get; } = stream;
    public long Epoch { get; } = epoch;

    /// <summary>Pages that post-copy has still to bring.</summary>
    public long MissingPages => MissingBits?.Count ?? 0;

    private Stage CurrentStage
    {
        get => _state.Value.Stage;
        set => _state.Changing.Stage = value;
    }

    private PageBits? MissingBits => _state.Value.Missing;

    private UserFaultQueue? Waiters => _state.Value.Waiters;

    /// <summary>Whether a page of this chunk may be stored now; to be asked in the same turn in which it is.</summary>
    public bool Accepts(in ChunkHeader header)
    {
        if (header.Stream != Stream || header.Epoch != Epoch) return false;
        if (header.Phase == StreamPhase.Postcopy) return CurrentStage == Stage.Postcopy;
        return CurrentStage == Stage.Precopy || (CurrentStage == Stage.Postcopy && host.Mutant == Mutant.LatePageInPostcopy);
    }

    /// <summary>Whether the range has memory in it that must not be discarded now.</summary>
    public bool MustKeep(HvaRange range)
    {
        if (CurrentStage == Stage.Ended) return false;
        if (CurrentStage == Stage.Postcopy)
        {
            host.World.Reached(ReachedCase.DiscardedInPostcopy);
            if (host.Mutant == Mutant.DiscardDuringPostcopy) return false;
        }

        foreach (var (vma, _) in mm.Pieces(range))
            if (vma.Kind != VmaKind.Scratch) return true;
        return false;
    }

    /// <summary><c>userfaultfd_missing</c> of a page that has no PTE.</summary>
    public bool IsMissing(Vma vma, Hva hva)
    {
        return MissingBits is { } missing && missing.IsSet(vma, hva);
    }

    /// <summary>The page is present now; accesses that wait for it retry.</summary>
    public void Arrived(Vma vma, Hva hva)
    {
        _received.Set(vma, hva);
        if (MissingBits is { } missing && missing.Clear(vma, hva)) Waiters!.Wake(hva);
    }

    /// <summary>A page that user space discards in post-copy is missing again, and the source, which has sent it, does not send it
    /// twice.</summary>
    public void Discarded(Vma vma, Hva hva)
    {
        if (CurrentStage == Stage.Postcopy) MissingBits?.Set(vma, hva);
    }

    /// <summary>
    /// <c>handle_userfault</c>, with no lock held: true when the page is no longer missing, false when it will not come.
    /// </summary>
    public ValueTask<bool> WaitAsync(Operation op, Hva hva)
    {
        if (mm.Find(hva) is not { } vma || !IsMissing(vma, hva)) return ValueTask.FromResult(true);
        return Waiters!.WaitAsync(op, hva);
    }

    /// <summary>
    /// From here on no pre-copy page is stored. What has not arrived, or is out of date (<paramref name="discard"/>), is unmapped and
    /// missing (<c>postcopy_ram_incoming_setup</c>, <c>ram_discard_range</c>); the oracle is left as it is, since the content is not lost.
    /// </summary>
    /// <returns>pages missing; -1 when the migration or the address space has ended</returns>
    public async ValueTask<long> EnterPostcopyAsync(
        Operation op, IReadOnlyList<PageSet> discard, IUserFaultHandler faults, int vcpus)
    {
        if (CurrentStage == Stage.Postcopy) return MissingPages;
        if (CurrentStage != Stage.Precopy) return -1;
        CurrentStage = Stage.Discarding;
        var missing = MissingOf(discard);
        ref var state = ref _state.Changing;
        (state.Missing, state.Waiters) = (missing, new UserFaultQueue(host.Locks, mm.Name, faults, vcpus, host.Mutant));
        host.World.Trace?.Note(op, $"{mm}: post-copy, {MissingPages} pages are missing");

        // No page arrives before all is unmapped, so the bits do not change under the walk.
        await ProcessTask.ReadLockedAsync(op, mm, async () =>
        {
            var zapped = 0;
            foreach (var stale in discard)
                foreach (var (vma, pages) in mm.Pieces(stale.Range))
                    foreach (var run in missing.Runs(vma, pages))
                        zapped += await mm.Ranges.WithinAsync(
                            op, run, MmuNotifierEvent.Clear, holdMicroseconds: 0,
                            () => PageTableWalk.ZapAsync(host, op, mm, vma, run, discard: false));
            return zapped;
        });
        if (CurrentStage != Stage.Discarding) return -1;
        CurrentStage = Stage.Postcopy;
        return MissingPages;
    }

    /// <summary>Missing pages of the range; before post-copy, those that have not arrived.</summary>
    public PageSet Missing(HvaRange range)
    {
        var missing = new PageSet(range);
        if (MissingBits is { } bits)
        {
            bits.CopyTo(missing);
            return missing;
        }

        foreach (var (vma, pages) in mm.Pieces(range))
            for (var hva = pages.Start; hva < pages.End; hva += 1)
                if (!_received.IsSet(vma, hva)) missing.Add(hva);
        return missing;
    }

    /// <summary>Nothing is stored any more. An access to a page that never came gets an error, whether it waits already or comes later.
    /// After UFFDIO_UNREGISTER it would find zeroes, but a guest that has lost memory must not run on.</summary>
    /// <returns>how long vCPUs have waited for pages</returns>
    public PostcopyBlocktime End()
    {
        if (CurrentStage != Stage.Ended)
        {
            CurrentStage = Stage.Ended;
            Waiters?.Close();
            if (MissingPages == 0) mm.Incoming = null;
        }

        return Waiters?.Blocktime ?? PostcopyBlocktime.None;
    }

    private PageBits MissingOf(IReadOnlyList<PageSet> discard)
    {
        var missing = new PageBits(host.World, mm);
        foreach (var stale in discard)
            foreach (var vma in mm.Vmas)
            {
                var pages = vma.Range.Intersect(stale.Range);
                for (var hva = pages.Start; hva < pages.End; hva += 1)
                    if (stale.Contains(hva) || !_received.IsSet(vma, hva))
                        missing.Set(vma, hva);
            }

        return missing;
    }
}
