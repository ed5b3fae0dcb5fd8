namespace Livebed.Kvm.Locks;

/// <summary>
/// A list in order of entering that nearly always has one element or none, as those inside a lock: the first needs no memory of its own. A
/// world of short lives makes more locks than are ever held by two. To be kept in a field that is not read-only.
/// </summary>
internal struct ShortList<T>
    where T : struct
{
    private T _first;
    private List<T>? _others;

    public int Count { readonly get; private set; }

    public readonly T this[int index] => index == 0 ? _first : _others![index - 1];

    public void Add(in T element)
    {
        if (Count++ == 0) _first = element;
        else (_others ??= new List<T>(1)).Add(element);
    }

    public void RemoveAt(int index)
    {
        Count--;
        if (index > 0)
        {
            _others!.RemoveAt(index - 1);
        }
        else if (Count > 0)
        {
            _first = _others![0];
            _others.RemoveAt(0);
        }
    }

    public void Clear()
    {
        Count = 0;
        _others?.Clear();
    }
}
