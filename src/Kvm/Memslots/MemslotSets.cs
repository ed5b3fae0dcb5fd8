using System.Collections.Immutable;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Memslots;

/// <summary>
/// The two sets of <c>__memslots[as][0..1]</c> (kernels since 5.17) and the generation. <see cref="Swap"/> is the publication: the world
/// sees either the old set or the new one. Simplified: one address space (no SMM).
/// </summary>
public sealed class MemslotSets(IWorld world, Mutant? mutant = null, ulong firstGeneration = 0)
{
    /// <summary><c>KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS</c>.</summary>
    public const ulong UpdateInProgress = 1UL << 63;

    private readonly (MemslotSet First, MemslotSet Second) _sets = (new MemslotSet(world, mutant), new MemslotSet(world, mutant));
    private Tracked<(int Active, long Swaps, ulong Generation)> _state = new(world, (0, 0, firstGeneration));

    public MemslotSet Active => _state.Value.Active == 0 ? _sets.First : _sets.Second;

    /// <summary>The set that no reader uses, to be changed.</summary>
    public MemslotSet Inactive => _state.Value.Active == 0 ? _sets.Second : _sets.First;

    public ulong Generation => _state.Value.Generation;

    /// <summary>How often sets were swapped: the ground truth of check S4.</summary>
    public long Swaps => _state.Value.Swaps;

    /// <summary><c>rcu_assign_pointer(kvm->memslots[as_id], slots)</c>.</summary>
    public void Swap()
    {
        ref var state = ref _state.Changing;
        state.Active ^= 1;
        state.Swaps++;
        state.Generation |= UpdateInProgress;
    }

    /// <summary>After the grace period: the new generation is final.</summary>
    public void CompleteGeneration()
    {
        ref var state = ref _state.Changing;
        state.Generation = (state.Generation & ~UpdateInProgress) + 1;
    }

    public Memslot? Find(Gfn gfn) => Active.Find(gfn);
}

/// <summary>
/// <c>struct kvm_memslots</c>: one of the two permanent sets of a VM. Only the inactive one is edited. Slots are kept in gfn order in an
/// array that every edit replaces, so a walk that began before an edit continues over the old array. The kernel gets this from SRCU and the
/// rule that the old set is edited only after the grace period. A check, not a crash, must catch a mutant that breaks the rule.
/// </summary>
public sealed class MemslotSet(IWorld world, Mutant? mutant = null)
{
    private Tracked<ImmutableArray<Memslot>> _slots = new(world, []);

    public ImmutableArray<Memslot> Slots => _slots.Value;

    public Memslot? Find(Gfn gfn)
    {
        var slots = _slots.Value;
        int low = 0, high = slots.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            var slot = slots[middle];
            if (gfn < slot.BaseGfn) high = middle - 1;
            else if (gfn >= slot.BaseGfn + (mutant == Mutant.LookupMissesLastPage ? slot.Pages - 1 : slot.Pages)) low = middle + 1;
            else return slot;
        }

        return null;
    }

    public Memslot? ById(int id)
    {
        foreach (var slot in _slots.Value)
            if (slot.Id == id) return slot;
        return null;
    }

    /// <summary><c>kvm_for_each_memslot_in_hva_range</c>: the slots as they are now, INVALID ones included.</summary>
    public OverlapEnumerable Overlapping(HvaRange range) => new(_slots.Value, range);

    public void Insert(Memslot slot)
    {
        var index = 0;
        var slots = _slots.Value;
        while (index < slots.Length && slots[index].BaseGfn <= slot.BaseGfn) index++;
        _slots.Value = slots.Insert(index, slot);
    }

    public void Remove(int id) => _slots.Value = _slots.Value.RemoveAll(slot => slot.Id == id);

    public void Replace(Memslot slot)
    {
        Remove(slot.Id);
        Insert(slot);
    }

    /// <summary>Slots of a captured array that overlap a range, without allocation.</summary>
    public readonly struct OverlapEnumerable(ImmutableArray<Memslot> slots, HvaRange range)
    {
        public Enumerator GetEnumerator() => new(slots, range);

        public struct Enumerator(ImmutableArray<Memslot> slots, HvaRange range)
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
