using System.Diagnostics;

namespace Livebed.Kvm.Host;

/// <summary>
/// The swap area of one host: page bytes by slot, bounded, memory taken when first needed. Simplified against mm/swapfile.c: a slot
/// belongs to exactly one PTE (no swap map), and there is no swap cache: a page is either in a frame or here.
/// </summary>
public sealed class SwapStore(int capacity, int pageSize)
{
    private readonly List<byte[]> _slots = [];
    private readonly List<bool> _used = [];
    private readonly Stack<int> _free = new();

    public int Capacity { get; } = capacity;

    /// <summary>Slots that hold a page now.</summary>
    public int InUse => _slots.Count - _free.Count;

    /// <summary>Whether <see cref="TryStore"/> would succeed.</summary>
    public bool HasRoom => InUse < Capacity;

    /// <summary>Keeps a copy of the page; false when the area is full.</summary>
    public bool TryStore(ReadOnlySpan<byte> page, out int slot)
    {
        slot = -1;
        if (!HasRoom) return false;
        if (!_free.TryPop(out slot))
        {
            slot = _slots.Count;
            _slots.Add(GC.AllocateUninitializedArray<byte>(pageSize));
            _used.Add(false);
        }

        _used[slot] = true;
        page.CopyTo(_slots[slot]);
        return true;
    }

    /// <summary>Gives the page back and frees the slot.</summary>
    public void Load(int slot, Span<byte> page)
    {
        _slots[slot].CopyTo(page);
        Free(slot);
    }

    /// <summary>The page, to be looked at where it is.</summary>
    /// <exception cref="UnreachableException">The slot is free: a defect of the model.</exception>
    public ReadOnlySpan<byte> Peek(int slot) => _used[slot] ? _slots[slot] : throw new UnreachableException($"swap slot {slot} is read and is free");

    /// <exception cref="UnreachableException">The slot is free: a defect of the model.</exception>
    public void Free(int slot)
    {
        if (!_used[slot]) throw new UnreachableException($"swap slot {slot} is freed twice");
        _used[slot] = false;
        _free.Push(slot);
    }
}
