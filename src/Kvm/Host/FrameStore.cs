#pragma warning disable RS0030 // a cell says what is read and written
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// The cells of a <see cref="FramePool"/>: what is known of each frame, and its bytes; both have the frame's place. Memory comes in chunks
/// of up to 1 MiB, when first needed; those of a host of any size are large objects. Chunks never move.
/// </summary>
[Untracked("it is a cell itself")]
internal sealed class FrameStore
{
    private const int ChunkBytes = 1 << 20;
    private const int ChunkShiftMin = 2;
    private const int CacheLineBytes = 64;

    private readonly PlaceTable _places;
    private readonly Chunk?[] _chunks;
    private readonly int _frames;
    private readonly int _pageSize;
    private readonly int _pageShift;
    private readonly int _chunkShift;
    private readonly int _chunkMask;

    /// <param name="world">the world it is in, if any</param>
    /// <param name="frames">how many there can be</param>
    /// <param name="pageSize">bytes a frame; a power of two</param>
    public FrameStore(IWorld? world, int frames, int pageSize)
    {
        (_places, _frames, _pageSize) = (new PlaceTable(world), frames, pageSize);
        _pageShift = System.Numerics.BitOperations.Log2((uint)pageSize);
        // An eighth of a small host's memory, of which a short life uses a few frames.
        _chunkShift = Math.Clamp(
            System.Numerics.BitOperations.Log2((uint)(frames - 1)) - 3, ChunkShiftMin,
            System.Numerics.BitOperations.Log2(ChunkBytes) - _pageShift);
        _chunkMask = (1 << _chunkShift) - 1;
        _chunks = new Chunk?[((frames - 1) >> _chunkShift) + 1];
    }

    /// <summary>What is known of the frame.</summary>
    public ref readonly Frame this[Pfn pfn]
    {
        get
        {
            _places.Reads(pfn.Value);
            return ref Entry(pfn);
        }
    }

    /// <summary>The same, to be changed. The reference must not outlive the step.</summary>
    public ref Frame Changing(Pfn pfn)
    {
        _places.Writes(pfn.Value);
        return ref Entry(pfn);
    }

    /// <summary>The frame's bytes, to be read and changed.</summary>
    public Span<byte> Bytes(Pfn pfn)
    {
        _places.Writes(pfn.Value);
        return ChunkOf(pfn).Bytes.AsSpan((pfn.Value & _chunkMask) << _pageShift, _pageSize);
    }

    /// <summary>Stores the value in the first and in the last eight bytes.</summary>
    public void Stamp(Pfn pfn, ulong value)
    {
        _places.Writes(pfn.Value);
        ref var start = ref Head(pfn);
        Unsafe.WriteUnaligned(ref start, value);
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref start, _pageSize - sizeof(ulong)), value);
    }

    /// <summary>The first and the last eight bytes.</summary>
    public (ulong First, ulong Last) Words(Pfn pfn)
    {
        _places.Reads(pfn.Value);
        ref var start = ref Head(pfn);
        return (Unsafe.ReadUnaligned<ulong>(ref start), Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, _pageSize - sizeof(ulong))));
    }

    /// <summary>Asks for the frame's bytes ahead of their use. Processors do so by themselves within a page, and do not know which is next;
    /// a walk that reads page after page once is half as fast again with it.</summary>
    public unsafe void Prefetch(Pfn pfn)
    {
        if (!Sse.IsSupported) return;
        ref var head = ref Head(pfn);
        for (var line = 0; line < _pageSize; line += CacheLineBytes) Sse.Prefetch1(Unsafe.AsPointer(ref Unsafe.Add(ref head, line)));
    }

    /// <summary>Makes memory for a frame that was never used.</summary>
    public void Add(Pfn pfn)
    {
        var chunk = pfn.Value >> _chunkShift;
        _chunks[chunk] ??= new Chunk(Math.Min(_chunkMask + 1, _frames - (chunk << _chunkShift)), _pageSize);
    }

    private Chunk ChunkOf(Pfn pfn) => _chunks[pfn.Value >> _chunkShift]!;

    private ref Frame Entry(Pfn pfn) => ref ChunkOf(pfn).Frames[pfn.Value & _chunkMask];

    private ref byte Head(Pfn pfn) =>
        ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(ChunkOf(pfn).Bytes), (pfn.Value & _chunkMask) << _pageShift);

    [Untracked("part of a cell")]
    private sealed class Chunk(int frames, int pageSize)
    {
        public byte[] Bytes { get; } = GC.AllocateUninitializedArray<byte>(frames * pageSize);
        public Frame[] Frames { get; } = new Frame[frames];
    }
}
