using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
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

    private const int ChunkBytes = 1 << 20;
    private const int CacheLineBytes = 64;
    private const int ChunkShiftMin = 2;

    private readonly Chunk?[] _chunks;
    private readonly int _pageShift;
    private readonly int _chunkShift;
    private readonly int _chunkMask;
    private readonly PlaceTable _places;
    private readonly Place _freeList;
    private Pfn _firstFree = Pfn.None;
    private int _neverUsed;
    private int _ksmFrames;

    /// <param name="capacity">frames, not counting the zero frame</param>
    /// <param name="pageSize">bytes a frame; a power of two from 64 to 65536</param>
    /// <param name="world">the world it is in, if any</param>
    /// <exception cref="ArgumentOutOfRangeException">A size outside of these bounds.</exception>
    public FramePool(int capacity, int pageSize, IWorld? world = null)
    {
        _places = new PlaceTable(world);
        _freeList = new Place(world);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, CapacityMax);
        if (pageSize is < PageSizeMin or > PageSizeMax || !BitOperations.IsPow2(pageSize))
            throw new ArgumentOutOfRangeException(
                nameof(pageSize), pageSize, $"a page is a power of two from {PageSizeMin} to {PageSizeMax} bytes");
        Capacity = capacity;
        PageSize = pageSize;
        _pageShift = BitOperations.Log2((uint)pageSize);
        // An eighth of a small host's memory, of which a short life uses a few frames.
        _chunkShift = Math.Clamp(BitOperations.Log2((uint)capacity) - 3, ChunkShiftMin, BitOperations.Log2(ChunkBytes) - _pageShift);
        _chunkMask = (1 << _chunkShift) - 1;
        _chunks = new Chunk?[(capacity >> _chunkShift) + 1];
        ZeroFrame = TakeFrame(out _);
        Bytes(ZeroFrame).Clear();
        Meta(ZeroFrame) = new Frame { RefCount = 1 };
    }

    public int Capacity { get; }
    public int PageSize { get; }

    /// <summary>The shared page of zeroes that read faults map (<c>ZERO_PAGE</c>): never written, never freed.</summary>
    public Pfn ZeroFrame { get; }

    /// <summary>Frames allocated now, without the zero frame.</summary>
    public int InUse { get; private set; }

    /// <summary>Frames that are KSM pages now.</summary>
    public int KsmFrames => _ksmFrames;

    /// <summary><c>alloc_page</c>: a frame with one reference, the caller's; false when every frame is in use.</summary>
    /// <exception cref="UnreachableException">The frame was written while it was free.</exception>
    public bool TryAllocate(bool zeroed, out Pfn pfn)
    {
        _freeList.Writes();
        if (InUse == Capacity)
        {
            pfn = Pfn.None;
            return false;
        }

        pfn = TakeFrame(out var isFresh);
        _places.Writes(pfn.Value);
        ref var frame = ref Meta(pfn);
        frame = new Frame { Generation = frame.Generation, RefCount = 1 };
        InUse++;
        var bytes = Bytes(pfn);
        if (!isFresh && bytes.IndexOfAnyExcept(Poison) >= 0) throw new UnreachableException($"{pfn} was written while it was free");
        if (zeroed) bytes.Clear();
        return true;
    }

    /// <summary><c>get_page</c>.</summary>
    public void Get(Pfn pfn)
    {
        _places.Writes(pfn.Value);
        ref var frame = ref Meta(pfn);
        if (frame.RefCount <= 0) throw new UnreachableException($"reference to {pfn}, which is free");
        frame.RefCount++;
    }

    /// <summary><c>put_page</c>; true when that freed the frame.</summary>
    /// <exception cref="UnreachableException">There is no such reference: a defect of the model, never of a protocol.</exception>
    public bool Put(Pfn pfn)
    {
        _places.Writes(pfn.Value);
        if (!IsKnown(pfn)) throw new UnreachableException($"put of {pfn}, which does not exist");
        ref var frame = ref Meta(pfn);
        if (frame.RefCount <= frame.MapCount || (pfn == ZeroFrame && frame.RefCount == 1))
            throw new UnreachableException($"put of {pfn}, on which there is no reference: {Describe(pfn)}");
        if (--frame.RefCount > 0) return false;
        Free(pfn, ref frame);
        return true;
    }

    /// <summary>A PTE at <paramref name="hva"/> of address space <paramref name="ownerId"/> maps the frame: rmap and reference. The zero
    /// frame's mappings are not counted, as in the kernel.</summary>
    public void Map(Pfn pfn, int ownerId, Hva hva)
    {
        if (pfn == ZeroFrame) return;
        Get(pfn);
        ref var frame = ref Meta(pfn);
        frame.MapCount++;
        frame.OwnerId = ownerId;
        frame.OwnerHva = hva.Value;
    }

    /// <summary>A PTE stopped mapping the frame; true when that freed it.</summary>
    public bool Unmap(Pfn pfn)
    {
        if (pfn == ZeroFrame) return false;
        ref var frame = ref Meta(pfn);
        if (frame.MapCount <= 0) throw new UnreachableException($"unmap of {pfn}, which nothing maps");
        frame.MapCount--;
        return Put(pfn);
    }

    public int RefCount(Pfn pfn) => Seen(pfn).RefCount;
    public int MapCount(Pfn pfn) => Seen(pfn).MapCount;

    /// <summary>How often the frame was freed; the same pfn with another generation is another page.</summary>
    public int Generation(Pfn pfn) => Seen(pfn).Generation;

    public bool IsKsm(Pfn pfn) => Seen(pfn).IsKsm;

    /// <summary>The frame becomes a KSM page, until it is freed.</summary>
    public void MarkKsm(Pfn pfn)
    {
        ref var frame = ref Meta(pfn);
        if (frame.IsKsm) return;
        _places.Writes(pfn.Value);
        frame.IsKsm = true;
        _ksmFrames++;
    }

    public Span<byte> Bytes(Pfn pfn)
    {
        _places.Writes(pfn.Value);
        return _chunks[pfn.Value >> _chunkShift]!.Bytes.AsSpan((pfn.Value & _chunkMask) << _pageShift, PageSize);
    }

    /// <summary>Asks for the frame's bytes ahead of their use. Processors do so by themselves within a page, and do not know which is next;
    /// a walk that reads page after page once is half as fast again with it.</summary>
    public unsafe void Prefetch(Pfn pfn)
    {
        if (!Sse.IsSupported) return;
        ref var head = ref Head(pfn);
        for (var line = 0; line < PageSize; line += CacheLineBytes) Sse.Prefetch1(Unsafe.AsPointer(ref Unsafe.Add(ref head, line)));
    }

    /// <summary>Copies one frame onto another.</summary>
    public void Copy(Pfn from, Pfn to) => Bytes(from).CopyTo(Bytes(to));

    /// <summary>What a write of the model stores: the value in the first and in the last eight bytes.</summary>
    internal void Stamp(Pfn pfn, ulong value)
    {
        _places.Writes(pfn.Value);
        ref var start = ref Head(pfn);
        Unsafe.WriteUnaligned(ref start, value);
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref start, PageSize - sizeof(ulong)), value);
    }

    internal (ulong First, ulong Last) Words(Pfn pfn)
    {
        _places.Reads(pfn.Value);
        ref var start = ref Head(pfn);
        return (Unsafe.ReadUnaligned<ulong>(ref start), Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, PageSize - sizeof(ulong))));
    }

    public bool IsKnown(Pfn pfn) => pfn.Value >= 0 && pfn.Value < Volatile.Read(ref _neverUsed);

    /// <summary>What the frame is now, for messages; may be called from any thread.</summary>
    public string Describe(Pfn pfn)
    {
        if (!IsKnown(pfn)) return "a frame that was never handed out";
        if (pfn == ZeroFrame) return "the zero frame";
        var frame = Meta(pfn);
        if (frame.RefCount == 0) return $"free (generation {frame.Generation})";
        if (frame.MapCount == 0) return $"allocated and mapped nowhere (generation {frame.Generation}, {frame.RefCount} references)";
        var ksm = frame.IsKsm ? ", KSM" : "";
        return $"mapped {frame.MapCount} times, last by mm-{frame.OwnerId} at {new Hva(frame.OwnerHva)} (generation "
            + $"{frame.Generation}{ksm})";
    }

    private void Free(Pfn pfn, ref Frame frame)
    {
        _freeList.Writes();
        if (frame.IsKsm) _ksmFrames--;
        frame.Generation++;
        Bytes(pfn).Fill(Poison);
        InUse--;
        (frame.NextFree, _firstFree) = (_firstFree, pfn);
    }

    /// <summary>A frame that was never used has no poison: no translation to it ever existed, and poison would double the cost of a new
    /// frame.</summary>
    private Pfn TakeFrame(out bool isFresh)
    {
        isFresh = _firstFree == Pfn.None;
        if (!isFresh)
        {
            var reused = _firstFree;
            _firstFree = Meta(reused).NextFree;
            return reused;
        }

        var chunk = _neverUsed >> _chunkShift;
        _chunks[chunk] ??= new Chunk(Math.Min(_chunkMask + 1, Capacity + 1 - (chunk << _chunkShift)), PageSize);
        var fresh = new Pfn(_neverUsed);
        Volatile.Write(ref _neverUsed, _neverUsed + 1);
        return fresh;
    }

    private ref Frame Seen(Pfn pfn)
    {
        _places.Reads(pfn.Value);
        return ref Meta(pfn);
    }

    private ref Frame Meta(Pfn pfn) => ref _chunks[pfn.Value >> _chunkShift]!.Frames[pfn.Value & _chunkMask];

    private ref byte Head(Pfn pfn) =>
        ref Unsafe.Add(
            ref MemoryMarshal.GetArrayDataReference(_chunks[pfn.Value >> _chunkShift]!.Bytes), (pfn.Value & _chunkMask) << _pageShift);

    /// <summary>Memory comes in pieces of up to 1 MiB, when first needed; those of a host of any size are large objects, which do not
    /// move.</summary>
    private sealed class Chunk
    {
        public Chunk(int frames, int pageSize)
        {
            Frames = new Frame[frames];
            Bytes = GC.AllocateUninitializedArray<byte>(frames * pageSize);
        }

        public byte[] Bytes { get; }
        public Frame[] Frames { get; }
    }
}
