using System.Diagnostics;
using System.Numerics;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// The physical memory of one host: frames of real bytes, handed out last in, first out. A freed frame is poisoned as a whole, its
/// generation rises, and the next allocation gets it at once, so that a stale translation shows (kvm-protocol 11.3). The kernel's
/// per-CPU lists and zones are left out; its <c>page_poisoning</c> check at allocation is here and finds writes to free frames.
/// Allocation, counts and flags belong to the host's turns. Frame bytes may be touched by other threads under the bus lock of the address
/// space that maps them: chunks never move, and a PTE published under that lock publishes its chunk too.
/// </summary>
public sealed class FramePool
{
    public const int PageSizeMin = 64;
    public const int PageSizeMax = 65536;
    public const int CapacityMax = 1 << 28;

    /// <summary>The byte of a free frame (PAGE_POISON).</summary>
    public const byte Poison = 0xAA;

    private readonly FrameStore _store;
    private Tracked<(Pfn First, int InUse)> _free;

    [Untracked("changes with the free list; another thread asks for it in messages only")]
    private int _neverUsed;

    /// <param name="capacity">frames, not counting the zero frame</param>
    /// <param name="pageSize">bytes a frame; a power of two from 64 to 65536</param>
    /// <param name="world">the world it is in, if any</param>
    /// <exception cref="ArgumentOutOfRangeException">A size outside of these bounds.</exception>
    public FramePool(int capacity, int pageSize, IWorld? world = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, CapacityMax);
        if (pageSize is < PageSizeMin or > PageSizeMax || !BitOperations.IsPow2(pageSize))
            throw new ArgumentOutOfRangeException(
                nameof(pageSize), pageSize, $"a page is a power of two from {PageSizeMin} to {PageSizeMax} bytes");
        Capacity = capacity;
        PageSize = pageSize;
        _store = new FrameStore(world, capacity + 1, pageSize);
        _free = new Tracked<(Pfn First, int InUse)>(world, (Pfn.None, 0));
        ZeroFrame = TakeFrame(out _);
        Bytes(ZeroFrame).Clear();
        _store.Changing(ZeroFrame) = new Frame { RefCount = 1 };
    }

    public int Capacity { get; }
    public int PageSize { get; }

    /// <summary>The shared page of zeroes that read faults map (<c>ZERO_PAGE</c>): never written, never freed.</summary>
    public Pfn ZeroFrame { get; }

    /// <summary>Frames allocated now, without the zero frame.</summary>
    public int InUse => _free.Value.InUse;

    /// <summary>Frames that are KSM pages now.</summary>
    [Untracked("statistics")]
    public int KsmFrames { get; private set; }

    /// <summary><c>alloc_page</c>: a frame with one reference, the caller's; false when every frame is in use.</summary>
    /// <exception cref="UnreachableException">The frame was written while it was free.</exception>
    public bool TryAllocate(bool zeroed, out Pfn pfn)
    {
        if (_free.Changing.InUse == Capacity)
        {
            pfn = Pfn.None;
            return false;
        }

        pfn = TakeFrame(out var isFresh);
        ref var frame = ref _store.Changing(pfn);
        frame = new Frame { Generation = frame.Generation, RefCount = 1 };
        _free.Changing.InUse++;
        var bytes = Bytes(pfn);
        if (!isFresh && bytes.IndexOfAnyExcept(Poison) >= 0) throw new UnreachableException($"{pfn} was written while it was free");
        if (zeroed) bytes.Clear();
        return true;
    }

    /// <summary><c>get_page</c>.</summary>
    public void Get(Pfn pfn)
    {
        ref var frame = ref _store.Changing(pfn);
        if (frame.RefCount <= 0) throw new UnreachableException($"reference to {pfn}, which is free");
        frame.RefCount++;
    }

    /// <summary><c>put_page</c>; true when that freed the frame.</summary>
    /// <exception cref="UnreachableException">There is no such reference: a defect of the model, never of a protocol.</exception>
    public bool Put(Pfn pfn)
    {
        if (!IsKnown(pfn)) throw new UnreachableException($"put of {pfn}, which does not exist");
        ref var frame = ref _store.Changing(pfn);
        if (!HasReference(pfn, frame))
            throw new UnreachableException($"put of {pfn}, on which there is no reference: {Describe(pfn)}");
        if (--frame.RefCount > 0) return false;
        Free(pfn, ref frame);
        return true;
    }

    /// <summary>Something beside mappings has a reference on the frame.</summary>
    public bool HasReference(Pfn pfn) => IsKnown(pfn) && HasReference(pfn, _store[pfn]);

    /// <summary>A PTE at <paramref name="hva"/> of address space <paramref name="ownerId"/> maps the frame: rmap and reference. The zero
    /// frame's mappings are not counted, as in the kernel.</summary>
    public void Map(Pfn pfn, int ownerId, Hva hva)
    {
        if (pfn == ZeroFrame) return;
        Get(pfn);
        ref var frame = ref _store.Changing(pfn);
        frame.MapCount++;
        frame.OwnerId = ownerId;
        frame.OwnerHva = hva.Value;
    }

    /// <summary>A PTE stopped mapping the frame; true when that freed it.</summary>
    public bool Unmap(Pfn pfn)
    {
        if (pfn == ZeroFrame) return false;
        ref var frame = ref _store.Changing(pfn);
        if (frame.MapCount <= 0) throw new UnreachableException($"unmap of {pfn}, which nothing maps");
        frame.MapCount--;
        return Put(pfn);
    }

    public int RefCount(Pfn pfn) => _store[pfn].RefCount;
    public int MapCount(Pfn pfn) => _store[pfn].MapCount;

    /// <summary>How often the frame was freed; the same pfn with another generation is another page.</summary>
    public int Generation(Pfn pfn) => _store[pfn].Generation;

    public bool IsKsm(Pfn pfn) => _store[pfn].IsKsm;

    /// <summary>The frame becomes a KSM page, until it is freed.</summary>
    public void MarkKsm(Pfn pfn)
    {
        if (IsKsm(pfn)) return;
        ref var frame = ref _store.Changing(pfn);
        frame.IsKsm = true;
        KsmFrames++;
    }

    /// <summary>The frame's bytes, to be read and changed.</summary>
    public Span<byte> Bytes(Pfn pfn) => _store.Bytes(pfn);

    /// <inheritdoc cref="FrameStore.Prefetch"/>
    public void Prefetch(Pfn pfn) => _store.Prefetch(pfn);

    /// <summary>Copies one frame onto another.</summary>
    public void Copy(Pfn from, Pfn to) => Bytes(from).CopyTo(Bytes(to));

    /// <summary>What a write of the model stores: the value in the first and in the last eight bytes.</summary>
    internal void Stamp(Pfn pfn, ulong value) => _store.Stamp(pfn, value);

    internal (ulong First, ulong Last) Words(Pfn pfn) => _store.Words(pfn);

    public bool IsKnown(Pfn pfn) => pfn.Value >= 0 && pfn.Value < Volatile.Read(ref _neverUsed);

    /// <summary>What the frame is now, for messages; may be called from any thread.</summary>
    public string Describe(Pfn pfn)
    {
        if (!IsKnown(pfn)) return "a frame that was never handed out";
        if (pfn == ZeroFrame) return "the zero frame";
        var frame = _store[pfn];
        if (frame.RefCount == 0) return $"free (generation {frame.Generation})";
        if (frame.MapCount == 0) return $"allocated and mapped nowhere (generation {frame.Generation}, {frame.RefCount} references)";
        var ksm = frame.IsKsm ? ", KSM" : "";
        return $"mapped {frame.MapCount} times, last by mm-{frame.OwnerId} at {new Hva(frame.OwnerHva)} (generation "
            + $"{frame.Generation}{ksm})";
    }

    private bool HasReference(Pfn pfn, in Frame frame) => frame.RefCount > (pfn == ZeroFrame ? 1 : frame.MapCount);

    private void Free(Pfn pfn, ref Frame frame)
    {
        if (frame.IsKsm) KsmFrames--;
        frame.Generation++;
        Bytes(pfn).Fill(Poison);
        ref var free = ref _free.Changing;
        (frame.NextFree, free.First) = (free.First, pfn);
        free.InUse--;
    }

    /// <summary>A frame that was never used has no poison: no translation to it ever existed, and poison would double the cost of a new
    /// frame.</summary>
    private Pfn TakeFrame(out bool isFresh)
    {
        ref var free = ref _free.Changing;
        isFresh = free.First == Pfn.None;
        if (!isFresh)
        {
            var reused = free.First;
            free.First = _store[reused].NextFree;
            return reused;
        }

        var fresh = new Pfn(_neverUsed);
        _store.Add(fresh);
        Volatile.Write(ref _neverUsed, _neverUsed + 1);
        return fresh;
    }
}
