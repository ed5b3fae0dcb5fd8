#pragma warning disable RS0030 // a cell says what is read and written
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Livebed.Kvm.World;

/// <summary>
/// An array with a place for each entry, by index: steps that touch entries of different places are independent. Its memory is taken by the
/// first write: many an array is never written. Two arrays may share a table of places.
/// </summary>
public sealed class TrackedArray<T>(PlaceTable places, long length)
    where T : struct
{
    private T[]? _entries;

    public TrackedArray(IWorld? world, long length)
        : this(new PlaceTable(world), length)
    {
    }

    public long Length { get; } = length;

    public T this[long index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            places.Reads(index);
            if (_entries is not null) return _entries[index];
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)index, (ulong)Length, nameof(index));
            return default;
        }

        set => Changing(index) = value;
    }

    /// <summary>An entry that is changed in part. The reference must not outlive the step.</summary>
    public ref T Changing(long index)
    {
        places.Writes(index);
        return ref (_entries ??= new T[Length])[index];
    }
}

/// <summary>
/// A sparse array of entries by index: pages of entries, each made on first use. Entries have places by index, and so has the existence of
/// each page.
/// </summary>
public sealed class TrackedPages<T>
    where T : struct
{
    private readonly Dictionary<long, T[]> _pages = [];
    private readonly PlaceTable _entries;
    private readonly PlaceTable _existence;
    private readonly int _perPage;
    private readonly int _shift;
    private long _lastIndex = -1;
    private T[] _lastPage = [];

    /// <param name="world">the world it is in</param>
    /// <param name="entriesPerPage">a power of two</param>
    public TrackedPages(IWorld? world, int entriesPerPage)
    {
        _entries = new PlaceTable(world);
        _existence = new PlaceTable(world);
        if (!BitOperations.IsPow2(entriesPerPage))
            throw new ArgumentOutOfRangeException(nameof(entriesPerPage), entriesPerPage, "not a power of two");
        (_perPage, _shift) = (entriesPerPage, BitOperations.Log2((uint)entriesPerPage));
    }

    /// <summary>The entry; default where there is no page.</summary>
    public T this[long index]
    {
        get
        {
            _entries.Reads(index);
            return TryPageOf(index) is { } page ? page[(int)(index & (_perPage - 1))] : default;
        }
    }

    /// <summary>The entry, to be changed; its page is made if need be. The reference must not outlive the step.</summary>
    public ref T Changing(long index)
    {
        _entries.Writes(index);
        return ref PageOf(index)[(int)(index & (_perPage - 1))];
    }

    /// <summary>Whether the entry's page exists.</summary>
    public bool HasPage(long index)
    {
        _existence.Reads(index >> _shift);
        return TryPageOf(index) is not null;
    }

    /// <summary>First index of every page that exists, ascending.</summary>
    public long[] FirstIndexes()
    {
        _existence.ReadsAll();
        if (_pages.Count == 0) return [];
        var first = new long[_pages.Count];
        var filled = 0;
        foreach (var index in _pages.Keys) first[filled++] = index * _perPage;
        Array.Sort(first);
        return first;
    }

    private T[]? TryPageOf(long entry)
    {
        var index = entry >> _shift;
        if (index == _lastIndex) return _lastPage;
        if (!_pages.TryGetValue(index, out var page)) return null;
        (_lastIndex, _lastPage) = (index, page);
        return page;
    }

    private T[] PageOf(long entry)
    {
        var index = entry >> _shift;
        if (index == _lastIndex) return _lastPage;
        ref var page = ref CollectionsMarshal.GetValueRefOrAddDefault(_pages, index, out _);
        if (page is null) _existence.Writes(index);
        page ??= new T[_perPage];
        (_lastIndex, _lastPage) = (index, page);
        return page;
    }
}
