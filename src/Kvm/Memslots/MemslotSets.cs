using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Memslots;

/// <summary>
/// The two sets of <c>__memslots[as][0..1]</c> (kernels since 5.17) and the generation. <see cref="Swap"/> is the publication: the world
/// sees either the old set or the new one. Simplified: one address space (no SMM).
/// </summary>
public sealed class MemslotSets
{
    /// <summary><c>KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS</c>.</summary>
    public const ulong UpdateInProgress = 1UL << 63;

    private readonly MemslotSet[] _sets = [new(), new()];
    private int _active;

    public MemslotSet Active => _sets[_active];
    public MemslotSet Inactive => _sets[_active ^ 1];
    public ulong Generation { get; private set; }

    /// <summary>How often sets were swapped: the ground truth of check S4.</summary>
    public long Swaps { get; private set; }

    /// <summary><c>rcu_assign_pointer(kvm->memslots[as_id], slots)</c>.</summary>
    public void Swap()
    {
        _active ^= 1;
        Swaps++;
        Generation |= UpdateInProgress;
    }

    /// <summary>After the grace period: the new generation is final.</summary>
    public void CompleteGeneration() => Generation = (Generation & ~UpdateInProgress) + 1;

    public Memslot? Find(Gfn gfn) => Active.Find(gfn);
}
