#pragma warning disable RS0030 // a cell says what is read and written
using System.Runtime.CompilerServices;

namespace Livebed.Kvm.World;

/// <summary>A list as one cell; see <see cref="Tracked{T}"/> for what its elements may be.</summary>
public readonly struct TrackedList<T>(Place place)
{
    private readonly Place _place = place;
    private readonly List<T> _list = [];

    public TrackedList(IWorld? world)
        : this(new Place(world))
    {
    }

    public int Count => Read().Count;

    public T this[int index]
    {
        get => Read()[index];
        set => Write()[index] = value;
    }

    /// <summary>A copy, for a walk during which the list changes.</summary>
    public T[] ToArray() => [.. Read()];

    public int FindIndex(Predicate<T> match) => Read().FindIndex(match);

    public void Add(T element)
    {
        var list = Write();
        // Most lists never have a second element.
        if (list.Capacity == 0) list.Capacity = 1;
        list.Add(element);
    }

    public void RemoveAt(int index) => Write().RemoveAt(index);

    public int RemoveAll(Predicate<T> match) => Write().RemoveAll(match);

    public void Clear() => Write().Clear();

    public Enumerator GetEnumerator() => new(_place, _list.GetEnumerator());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private List<T> Read()
    {
        _place.Reads();
        return _list;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private List<T> Write()
    {
        _place.Writes();
        return _list;
    }

    /// <summary>A walk may go on over several steps, so each move counts as a read.</summary>
    public struct Enumerator(Place place, List<T>.Enumerator elements)
    {
        private List<T>.Enumerator _elements = elements;

        public readonly T Current => _elements.Current;

        public bool MoveNext()
        {
            place.Reads();
            return _elements.MoveNext();
        }
    }
}
