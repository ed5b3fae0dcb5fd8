namespace Livebed.Kvm.Locks;

/// <summary>
/// Who is inside a lock, in order of entering. Nearly always that is nobody or one, so the first needs no array: a world of short lives makes more
/// locks than are ever held by two.
/// </summary>
internal struct LockHolders
{
    private LockHolder _first;
    private List<LockHolder>? _others;

    public int Count { readonly get; private set; }

    public readonly LockHolder this[int index] => index == 0 ? _first : _others![index - 1];

    public void Add(in LockHolder holder)
    {
        if (Count++ == 0) _first = holder;
        else (_others ??= []).Add(holder);
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
