using System.Diagnostics;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// <c>struct mm_struct</c>: areas, page table, locks and notifier subscriptions of one process. Keeps S10: every change of a PTE goes
/// through <see cref="SetPte"/>, which requires the PTL and, if the change unmaps, repoints or downgrades, an open range that covers it.
/// Keeps S13: a PTE that becomes writable is the only one of its frame.
/// Lock order: mm_users, mmap_lock, folio lock, rmap_lock, PTL, and last the bus lock, which models cache coherence and is no kernel lock.
/// The vCPUs, on other threads, read PTEs and touch frames under it. No code waits inside it. Simplified: one rmap lock and one PTL for an
/// address space; a fixed set of areas.
/// </summary>
public sealed class AddressSpace
{
    public const long PagesMax = 1L << 28;

    private readonly HostState _host;
    private Tracked<bool> _isExiting;
    private Tracked<bool> _isReleased;
    private Tracked<OutgoingStreams?> _outgoing;
    private Tracked<IncomingPages?> _incoming;
    private Tracked<int> _mmCount;

    internal AddressSpace(HostState host, AddressSpaceSpec spec)
    {
        _host = host;
        var place = new Place(host.World);
        (_isExiting, _isReleased) = (new Tracked<bool>(place), new Tracked<bool>(place));
        (_outgoing, _incoming) = (new Tracked<OutgoingStreams?>(place), new Tracked<IncomingPages?>(place));
        _mmCount = new Tracked<int>(host.World, 1);
        host.MmStructs++;
        var areas = Validated(spec);
        Vmas = new Vma[areas.Count];
        for (var i = 0; i < Vmas.Length; i++) Vmas[i] = new Vma(host.World, areas[i]);
        Id = spec.Id;
        Name = $"mm-{spec.Id} of {host.Name}";
        MmUsers = new RwSemaphore(host.Locks, LockClasses.MmUsers, Name);
        MmapLock = new RwSemaphore(host.Locks, LockClasses.MmapLock, Name);
        RmapLock = new RwSemaphore(host.Locks, LockClasses.RmapLock, Name);
        PageTableLock = new KernelMutex(host.Locks, LockClasses.PageTableLock, Name);
        Subscriptions = new MmuNotifierSubscriptions(host.World, host.NotifierSrcu, Name, host.Mutant);
        Ranges = new NotifiedRanges(host, this);
        GuestMemory = new GuestMemory(host, this);
    }

    public int Id { get; }
    public string Name { get; }

    /// <summary>The process is dying or dead: no new users, so no new operation by or for it.</summary>
    public bool IsExiting => _isExiting.Value;

    /// <summary>Every subscriber was released by exit_mmap: PTEs may go without a range.</summary>
    public bool IsReleased
    {
        get => _isReleased.Value;
        internal set => _isReleased.Value = value;
    }

    /// <summary>Guest memory as the vCPUs of this process's VM reach it.</summary>
    public GuestMemory GuestMemory { get; }

    internal RwSemaphore MmUsers { get; }
    internal RwSemaphore MmapLock { get; }
    internal RwSemaphore RmapLock { get; }
    internal KernelMutex PageTableLock { get; }
    internal MmuNotifierSubscriptions Subscriptions { get; }
    internal NotifiedRanges Ranges { get; }
    internal Lock Bus { get; } = new();

    /// <summary>Pages that go to other hosts; null when no stream is open.</summary>
    internal OutgoingStreams? Outgoing
    {
        get => _outgoing.Value;
        set => _outgoing.Value = value;
    }

    /// <summary>Pages that come from another host; null when none are expected.</summary>
    internal IncomingPages? Incoming
    {
        get => _incoming.Value;
        set => _incoming.Value = value;
    }

    /// <summary>In order of address.</summary>
    [Untracked("never changed")]
    internal Vma[] Vmas { get; }

    /// <summary>A migration is filling this memory, or is about to hand it over: user space discards none of it.</summary>
    internal bool MustKeepContent(HvaRange range) =>
        Outgoing is { IsFrozen: true } || (Incoming is { } incoming && incoming.MustKeep(range));

    /// <summary><c>mmget_not_zero</c>: the operation acts for the process; the exit of the process waits for it.</summary>
    internal bool TryGetUser(Operation op) => !IsExiting && MmUsers.TryDownRead(op);

    /// <summary><c>mmput</c>.</summary>
    internal void PutUser(Operation op) => MmUsers.UpRead(op);

    /// <summary><c>mmgrab</c>: keeps the object, not the memory; for operations that come through the rmap.</summary>
    internal void Grab() => _mmCount.Value++;

    /// <summary><c>mmdrop</c>.</summary>
    internal void Drop()
    {
        if (--_mmCount.Value > 0) return;
        _host.MmStructs--;
        Outgoing?.CloseAll();
        foreach (KernelLock done in (KernelLock[])[MmUsers, MmapLock, RmapLock, PageTableLock]) _host.Locks.Free(done);
    }

    /// <summary>The last reference by the process itself goes; returns when the others are gone too. The op then is the only
    /// user.</summary>
    internal async ValueTask BecomeLastUserAsync(Operation op)
    {
        _isExiting.Value = true;

        // Wakes the sleepers in handle_userfault so that they fail; otherwise mm_users never drops to one.
        Incoming?.End();
        await MmUsers.DownWriteAsync(op);
    }

    internal Vma? Find(Hva hva)
    {
        int low = 0, high = Vmas.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) >> 1;
            if (hva < Vmas[middle].Range.Start) high = middle - 1;
            else if (hva >= Vmas[middle].Range.End) low = middle + 1;
            else return Vmas[middle];
        }

        return null;
    }

    /// <summary>The areas under a range, each with its part of it.</summary>
    internal AreaPieces Pieces(HvaRange range) => new(Vmas, range);

    /// <summary>
    /// The only way a PTE changes. With <paramref name="discard"/> the page's content is given up too, in the same step as seen by vCPUs:
    /// what is there next is zeroes.
    /// </summary>
    /// <exception cref="UnreachableException">The operation does not hold the PTL: a defect of the model.</exception>
    internal void SetPte(Operation op, Vma vma, Hva hva, Pte next, bool discard = false)
    {
        if (!PageTableLock.IsHeldBy(op.Id))
            throw new UnreachableException($"{op} changes the PTE of {hva} in {Name} without the page-table lock");
        var old = vma.PteAt(hva);
        if (old.NeedsNotifier(next)) CheckNotifierCompleteness(op, hva, old, next);
        if (old.GivesWrite(next)) CheckOneMapping(op, hva, old, next);
        if (old.IsKsm != next.IsKsm) _host.KsmMappings += next.IsKsm ? 1 : -1;
        lock (Bus)
        {
            vma.SetPte(hva, next);
            if (discard) vma.Discarded(hva);
        }

        if (discard) Outgoing?.Discarded.Set(vma, hva);
        if (discard) Incoming?.Discarded(vma, hva);
        _host.World.Trace?.Note(op, ModelStep.PteChange, 1, $"PTE of {hva}: {old} -> {next}");
    }

    /// <summary>
    /// Compares secondary page-table entries with the primary ones (S1 and S12, from the other side). The caller keeps its SPTEs as they
    /// are (mmu_lock) until it has the answer.
    /// </summary>
    /// <returns>indexes of entries that the page table does not bear out and that no open range covers</returns>
    public IReadOnlyList<int> AuditSptes(ReadOnlySpan<AuditedSpte> sptes)
    {
        _host.Counters.AddChecks(sptes.Length);
        List<int>? wrong = null;
        for (var i = 0; i < sptes.Length; i++)
        {
            var spte = sptes[i];
            var pte = Find(spte.Hva) is { } vma ? vma.PteAt(spte.Hva) : Pte.None;
            if (pte.Reaches(spte.Pfn) && (pte.IsWritable || !spte.Writable)) continue;
            if (!Ranges.Covers(spte.Hva)) (wrong ??= []).Add(i);
        }

        return wrong ?? (IReadOnlyList<int>)[];
    }

    private void CheckNotifierCompleteness(Operation op, Hva hva, Pte old, Pte next)
    {
        _host.Counters.AddChecks(1);
        if (IsReleased || Ranges.Covers(hva)) return;
        _host.World.Observer.Violated(new Violation(
            Invariants.NotifierCompleteness,
            $"{op} changes the PTE of {hva} in {Name} from {old} to {next} outside of every notified range",
            Name, Hva: hva, Pfn: old.Pfn, Operations: [op.Id]));
    }

    /// <summary>S13: what can be written through this PTE is seen through no other. A write would reach a child of fork, another page of
    /// the same content, or every page that reads as zeroes.</summary>
    private void CheckOneMapping(Operation op, Hva hva, Pte old, Pte next)
    {
        _host.Counters.AddChecks(1);
        var pfn = next.Pfn;
        if (pfn != _host.Frames.ZeroFrame && !_host.Frames.IsKsm(pfn) && _host.Frames.MapCount(pfn) <= 1) return;
        _host.World.Observer.Violated(new Violation(
            Invariants.SharedPage,
            $"{op} changes the PTE of {hva} in {Name} from {old} to {next}, and {pfn} is {_host.Frames.Describe(pfn)}",
            Name, Hva: hva, Pfn: pfn, Operations: [op.Id]));
    }

    /// <summary>The areas in order of address.</summary>
    private static IReadOnlyList<VmaSpec> Validated(AddressSpaceSpec spec)
    {
        if (spec.Vmas.Count == 0) throw new ArgumentException($"address space {spec.Id} has no area", nameof(spec));
        var total = 0L;
        HvaRange? last = null;
        var areas = AreInOrder(spec.Vmas) ? spec.Vmas : [.. spec.Vmas.OrderBy(area => area.Range.Start.Value)];
        for (var i = 0; i < areas.Count; i++)
        {
            var area = areas[i];
            if (area.Range.IsEmpty || area.Range.Start.Value < 0)
                throw new ArgumentException($"address space {spec.Id}: {area.Range} is no range of pages", nameof(spec));
            if (last is { } previous && previous.Overlaps(area.Range))
                throw new ArgumentException($"address space {spec.Id}: {area.Range} overlaps {previous}", nameof(spec));
            last = area.Range;
            total += area.Range.Pages;
            if (total > PagesMax) throw new ArgumentException($"address space {spec.Id} has more than {PagesMax} pages", nameof(spec));
        }

        return areas;
    }

    private static bool AreInOrder(IReadOnlyList<VmaSpec> areas)
    {
        for (var i = 1; i < areas.Count; i++)
            if (areas[i].Range.Start < areas[i - 1].Range.Start) return false;
        return true;
    }

    public override string ToString() => Name;
}
