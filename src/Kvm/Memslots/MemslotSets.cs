using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Memslots;

/// <summary>
/// The two sets of <c>__memslots[as][0..1]</c> (kernels since 5.17) and the generation. <see cref="Swap"/> is the publication: the world
/// sees either the old set or the new one. Simplified: one address space (no SMM).
/// </summary>
public sealed class MemslotSets(IWorld world)
{
    /// <summary><c>KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS</c>.</summary>
    public const ulong UpdateInProgress = 1UL << 63;

    private readonly MemslotSet[] _sets = [new(), new()];
    private readonly Place _place = new(world);
    private int _active;
    private long _swaps;

    public MemslotSet Active
    {
        get
        {
            _place.Reads();
            return _sets[_active];
        }
    }

    /// <summary>The set that no reader uses, to be changed.</summary>
    public MemslotSet Inactive
    {
        get
        {
            _place.Writes();
            return _sets[_active ^ 1];
        }
    }

    public ulong Generation { get; private set; }

    /// <summary>How often sets were swapped: the ground truth of check S4.</summary>
    public long Swaps
    {
        get
        {
            _place.Reads();
            return _swaps;
        }
    }

    /// <summary><c>rcu_assign_pointer(kvm->memslots[as_id], slots)</c>.</summary>
    public void Swap()
    {
        _place.Writes();
        _active ^= 1;
        _swaps++;
        Generation |= UpdateInProgress;
    }

    /// <summary>After the grace period: the new generation is final.</summary>
    public void CompleteGeneration()
    {
        _place.Writes();
        Generation = (Generation & ~UpdateInProgress) + 1;
    }

    public Memslot? Find(Gfn gfn) => Active.Find(gfn);
}

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
