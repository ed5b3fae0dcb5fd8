using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Memslots;

/// <summary>
/// <c>struct kvm_memslots</c>: one of the two permanent sets of a VM. Only the inactive one is edited. Slots are kept in gfn order in an
/// array that every edit replaces, so a walk that began before an edit goes on over what it saw (the kernel gets this from SRCU plus the
/// rule that the old set is edited only after the grace period; a mutant that breaks the rule must be caught by a check, not by a crash).
/// </summary>
public sealed class MemslotSet
{
    private Memslot[] _slots = [];

    public IReadOnlyList<Memslot> Slots => _slots;

    public Memslot? Find(Gfn gfn)
    {
        var slots = _slots;
        int low = 0, high = slots.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            var slot = slots[middle];
            if (gfn < slot.BaseGfn) high = middle - 1;
            else if (gfn >= slot.BaseGfn + slot.Pages) low = middle + 1;
            else return slot;
        }

        return null;
    }

    public Memslot? ById(int id)
    {
        foreach (var slot in _slots)
            if (slot.Id == id) return slot;
        return null;
    }

    /// <summary><c>kvm_for_each_memslot_in_hva_range</c>: the slots as they are now, INVALID ones included.</summary>
    public OverlapEnumerable Overlapping(HvaRange range) => new(_slots, range);

    public void Insert(Memslot slot)
    {
        var index = 0;
        while (index < _slots.Length && _slots[index].BaseGfn <= slot.BaseGfn) index++;
        _slots = [.. _slots.AsSpan(0, index), slot, .. _slots.AsSpan(index)];
    }

    public void Remove(int id) => _slots = Array.FindAll(_slots, slot => slot.Id != id);

    public void Replace(Memslot slot)
    {
        Remove(slot.Id);
        Insert(slot);
    }

    /// <summary>Slots of a captured array that overlap a range, without allocation.</summary>
    public readonly struct OverlapEnumerable(Memslot[] slots, HvaRange range)
    {
        public Enumerator GetEnumerator() => new(slots, range);

        public struct Enumerator(Memslot[] slots, HvaRange range)
        {
            private int _index = -1;

            public readonly Memslot Current => slots[_index];

            public bool MoveNext()
            {
                while (++_index < slots.Length)
                    if (slots[_index].Hvas.Overlaps(range))
                        return true;
                return false;
            }
        }
    }
}
