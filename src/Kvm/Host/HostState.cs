using System.Collections.Immutable;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// What all address spaces of one host share: frames, swap, the global SRCU domain of mm/mmu_notifier.c, folio locks, counters and the list
/// of address spaces. The list is in order of their numbers, so that a walk is the same in every run.
/// </summary>
internal sealed class HostState
{
    private readonly TrackedObject<SwapStore> _swap;
    private Tracked<ImmutableArray<AddressSpace>> _addressSpaces;

    [Untracked("only tells ranges apart")]
    private long _rangeId;

    public HostState(IWorld world, string name, int frames, int pageSize, Mutant? mutant)
    {
        World = world;
        Name = name;
        Mutant = mutant;
        Locks = new LockDomain(world);
        Frames = new FramePool(frames, pageSize, world);
        _swap = new TrackedObject<SwapStore>(new Place(world), new SwapStore(frames, pageSize));
        _addressSpaces = new Tracked<ImmutableArray<AddressSpace>>(world, []);
        Fence = new GuestFence(world, mutant);
        Committed = new CommittedMemory(this);
        Folios = new FolioLocks(Locks, name);
        NotifierSrcu = new Srcu(Locks, LockClasses.NotifierSrcu, name);
    }

    public IWorld World { get; }
    public string Name { get; }
    public Mutant? Mutant { get; }
    public LockDomain Locks { get; }
    public FramePool Frames { get; }

    /// <summary>As large as the host's memory: a host never has more to swap out.</summary>
    public SwapStore Swap => _swap.Content;

    public FolioLocks Folios { get; }

    /// <summary>What its processes were promised.</summary>
    public CommittedMemory Committed { get; }

    /// <summary>Until when its guests may run.</summary>
    public GuestFence Fence { get; }

    public Srcu NotifierSrcu { get; }
    public HostCounters Counters { get; } = new();

    /// <summary>In order of their numbers.</summary>
    public ImmutableArray<AddressSpace> AddressSpaces => _addressSpaces.Value;

    /// <summary>PTEs with the KSM flag, over all address spaces.</summary>
    [Untracked("statistics")]
    public long KsmMappings { get; set; }

    /// <summary>Ranges between start and end now, over all address spaces, also those that have exited.</summary>
    [Untracked("looked at when nothing runs")]
    public int OpenRanges { get; set; }

    /// <summary>Address spaces with a reference left (mm_count), also those that have exited.</summary>
    [Untracked("looked at when nothing runs")]
    public int MmStructs { get; set; }

    /// <summary>The address space of that number; null when there is none.</summary>
    public AddressSpace? Find(int id) => IndexOf(id) is var index and >= 0 ? AddressSpaces[index] : null;

    /// <summary>Its number must be free.</summary>
    public void Add(AddressSpace mm) => _addressSpaces.Value = AddressSpaces.Insert(~IndexOf(mm.Id), mm);

    public void Remove(AddressSpace mm) => _addressSpaces.Value = AddressSpaces.RemoveAt(IndexOf(mm.Id));

    public long NextRangeId() => ++_rangeId;

    /// <summary>Between two steps of an mm operation others may run.</summary>
    public ValueTask StepAsync() => World.PointAsync(SchedulingPoint.MmStep);

    /// <summary>Where it is; the complement of where it would be when there is none.</summary>
    private int IndexOf(int id)
    {
        var spaces = AddressSpaces.AsSpan();
        int low = 0, high = spaces.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) >> 1;
            if (spaces[middle].Id == id) return middle;
            if (spaces[middle].Id < id) low = middle + 1;
            else high = middle - 1;
        }

        return ~low;
    }
}
