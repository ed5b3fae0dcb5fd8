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

    /// <summary>The one that nobody looks at, to be changed.</summary>
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
