#pragma warning disable RS0030 // a cell says what is read and written
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Livebed.Kvm.World;

/// <summary>A dictionary as one cell; see <see cref="Tracked{T}"/> for what its values may be.</summary>
public readonly struct TrackedMap<TKey, TValue>(Place place, IEqualityComparer<TKey>? comparer = null)
    where TKey : notnull
{
    private readonly Place _place = place;
    private readonly Dictionary<TKey, TValue> _map = new(comparer);

    public TrackedMap(IWorld? world, IEqualityComparer<TKey>? comparer = null)
        : this(new Place(world), comparer)
    {
    }

    public int Count => Read().Count;

    public TValue this[TKey key]
    {
        get => Read()[key];
        set => Write()[key] = value;
    }

    public bool ContainsKey(TKey key) => Read().ContainsKey(key);

    public bool TryGetValue(TKey key, [MaybeNullWhen(false)] out TValue value) => Read().TryGetValue(key, out value);

    public TValue? GetValueOrDefault(TKey key) => Read().GetValueOrDefault(key);

    /// <summary>A copy, in no order.</summary>
    public KeyValuePair<TKey, TValue>[] ToArray() => [.. Read()];

    public void Add(TKey key, TValue value) => Write().Add(key, value);

    /// <summary>A key that is not there is a read, as for a step that finds nothing to do.</summary>
    public bool Remove(TKey key) => Remove(key, out _);

    public bool Remove(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (!Read().Remove(key, out value)) return false;
        _place.Writes();
        return true;
    }

    public void Clear() => Write().Clear();

    public Enumerator GetEnumerator() => new(_place, _map.GetEnumerator());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Dictionary<TKey, TValue> Read()
    {
        _place.Reads();
        return _map;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Dictionary<TKey, TValue> Write()
    {
        _place.Writes();
        return _map;
    }

    /// <summary>A walk may go on over several steps, so each move counts as a read.</summary>
    public struct Enumerator(Place place, Dictionary<TKey, TValue>.Enumerator entries)
    {
        private Dictionary<TKey, TValue>.Enumerator _entries = entries;

        public readonly KeyValuePair<TKey, TValue> Current => _entries.Current;

        public bool MoveNext()
        {
            place.Reads();
            return _entries.MoveNext();
        }
    }
}
