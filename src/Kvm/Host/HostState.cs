using Livebed.Kvm.Locks;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// What all address spaces of one host share: frames, swap, the global SRCU domain of mm/mmu_notifier.c, folio locks, counters and the
/// list of address spaces itself (in order of their numbers, so that a walk is the same in every run).
/// </summary>
internal sealed class HostState
{
    private readonly SortedList<int, AddressSpace> _addressSpaces = [];
    private readonly Place _swapSlots;
    private readonly Place _spaces;
    private SwapStore? _swap;
    private long _rangeId;

    public HostState(IWorld world, string name, int frames, int pageSize, Mutant mutant)
    {
        World = world;
        Name = name;
        Mutant = mutant;
        Locks = new LockDomain(world);
        Frames = new FramePool(frames, pageSize, world);
        _swapSlots = new Place(world);
        _spaces = new Place(world);
        Folios = new FolioLocks(Locks, name);
        NotifierSrcu = new Srcu(Locks, LockClasses.NotifierSrcu, name);
    }

    public IWorld World { get; }
    public string Name { get; }
    public Mutant Mutant { get; }
    public LockDomain Locks { get; }
    public FramePool Frames { get; }

    /// <summary>As large as the host's memory: a host never has more to swap out. Made when first needed.</summary>
    public SwapStore Swap
    {
        get
        {
            _swapSlots.Writes();
            return _swap ??= new SwapStore(Frames.Capacity, Frames.PageSize);
        }
    }

    /// <summary>Pages in swap.</summary>
    public int SwappedOut
    {
        get
        {
            _swapSlots.Reads();
            return _swap?.InUse ?? 0;
        }
    }

    public FolioLocks Folios { get; }
    public Srcu NotifierSrcu { get; }
    public HostCounters Counters { get; } = new();
    /// <summary>In order of their numbers; <see cref="ChangesAddressSpaces"/> before one comes or goes.</summary>
    public SortedList<int, AddressSpace> AddressSpaces
    {
        get
        {
            _spaces.Reads();
            return _addressSpaces;
        }
    }

    public void ChangesAddressSpaces() => _spaces.Writes();

    /// <summary>PTEs with the KSM flag, over all address spaces.</summary>
    public long KsmMappings { get; set; }

    /// <summary>Ranges between start and end now, over all address spaces, also those that have exited.</summary>
    public int OpenRanges { get; set; }

    public long NextRangeId() => ++_rangeId;

    /// <summary>Between two steps of an mm operation others may run.</summary>
    public ValueTask StepAsync() => World.PointAsync(SchedulingPoint.MmStep);
}
