using Livebed.Kvm.Addresses;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>
/// <c>struct kvm</c>: the state that a VM's operations share, and those operations as parts, each in its own file and folder. One VM is one
/// actor: its turns run one at a time and interleave at awaits only; what excludes operations from each other are the locks here.
/// </summary>
public sealed class Vm
{
    private Tracked<bool> _isHandedOver;
    private Tracked<IReadOnlyList<PageSet>?> _leftDirty;

    /// <param name="world">the world it runs in</param>
    /// <param name="options">what is fixed at creation</param>
    /// <param name="host">its host, for its own address space</param>
    /// <param name="protocol">makes a protocol that is no preset; null takes the one that the options name</param>
    public Vm(IWorld world, VmOptions options, IHostPort host, Func<ProtocolContext, IInvalidationProtocol>? protocol = null)
    {
        World = world;
        Options = options;
        Host = host;
        Locks = new LockDomain(world);
        Sptes = new SpteTable(world, options.SptesPerTable, (uint)options.CountersFrom);
        Memslots = new MemslotSets(world, options.Mutant, (uint)options.CountersFrom);
        _isHandedOver = new Tracked<bool>(world);
        _leftDirty = new Tracked<IReadOnlyList<PageSet>?>(world);
        LogState = new Place(world);
        SlotsLock = new KernelMutex(Locks, LockClasses.SlotsLock, options.Name);
        SlotsArchLock = new KernelMutex(Locks, LockClasses.SlotsArchLock, options.Name);
        Srcu = new Srcu(Locks, LockClasses.KvmSrcu, options.Name);
        MmuLock = new MmuLock(Locks, options.Name, options.SpinMmuLock);
        Bql = new KernelMutex(Locks, LockClasses.BigQemuLock, options.Name);
        VcpuMutex = new RwSemaphore(Locks, LockClasses.VcpuMutex, options.Name);
        Users = new UsersCount(Locks, options.Name);
        Checks = new VmChecks(this);
        Flusher = new TlbFlusher(this);
        Zapper = new SpteZapper(this);
        var context = new ProtocolContext(world, Locks, options.Name, MmuLock, new HvaRangeWalk(this), options.Mutant)
        {
            SequenceFrom = options.CountersFrom,
        };
        Protocol = protocol?.Invoke(context) ?? ProtocolCatalog.Create(options.Protocol, context);
        Notifier = new VmNotifier(this);
        Faults = new FaultHandler(this);
        MemslotUpdates = new MemslotUpdater(this);
        DirtyLog = new DirtyLogOperations(this);
        DirtyRings = new DirtyRings(this);
        SoftwareWriter = new SoftwareWriter(this);
        Teardown = new VmTeardown(this);
        Auditor = new SpteAuditor(this);
    }

    public IWorld World { get; }
    public VmOptions Options { get; }
    public IHostPort Host { get; }
    public LockDomain Locks { get; }
    public VmCounters Counters { get; } = new();
    public VmChecks Checks { get; }

    /// <summary><c>kvm->slots_lock</c>, <c>slots_arch_lock</c>, <c>srcu</c>, <c>mmu_lock</c>.</summary>
    public KernelMutex SlotsLock { get; }
    public KernelMutex SlotsArchLock { get; }
    public Srcu Srcu { get; }
    public MmuLock MmuLock { get; }

    /// <summary><c>vcpu->mutex</c>: read by KVM's own writes on behalf of a vCPU, write while all vCPUs are kept out of KVM_RUN.</summary>
    public RwSemaphore VcpuMutex { get; }

    /// <summary>User space's own big lock (QEMU's BQL), as far as it matters here: around dirty-log sessions, migrations and memslot
    /// updates while one goes on.</summary>
    public KernelMutex Bql { get; }

    /// <summary>The VM has been migrated away (QEMU's run state postmigrate): nothing writes to its memory here any more.</summary>
    public bool IsHandedOver
    {
        get => _isHandedOver.Value;
        internal set => _isHandedOver.Value = value;
    }

    /// <summary>What a migration that was given up had still to send; only a user space with a defect goes on from there.</summary>
    internal IReadOnlyList<PageSet>? LeftDirty
    {
        get => _leftDirty.Value;
        set => _leftDirty.Value = value;
    }

    /// <summary><c>kvm->users_count</c>.</summary>
    public UsersCount Users { get; }

    public MemslotSets Memslots { get; }
    public SpteTable Sptes { get; }

    /// <summary>The vCPUs, by index; added before the first of them runs.</summary>
    [Untracked("complete before the first vCPU runs")]
    public List<IVcpuPort> Vcpus { get; } = [];

    public IInvalidationProtocol Protocol { get; }

    /// <summary>The place of dirty bitmaps and rings, and of user space's books about them.</summary>
    internal Place LogState { get; }

    public VmNotifier Notifier { get; }
    public FaultHandler Faults { get; }
    public TlbFlusher Flusher { get; }
    public SpteZapper Zapper { get; }
    public MemslotUpdater MemslotUpdates { get; }
    public DirtyLogOperations DirtyLog { get; }
    public DirtyRings DirtyRings { get; }
    public SoftwareWriter SoftwareWriter { get; }
    public VmTeardown Teardown { get; }
    public SpteAuditor Auditor { get; }

    /// <summary>Reports a violation as this VM's.</summary>
    public void Violated(
        string invariant, string message, Gfn? gfn = null, Hva? hva = null, Pfn? pfn = null, params OperationId[] operations) =>
        World.Observer.Violated(new Violation(invariant, message, Options.Name, gfn, hva, pfn, operations));
}
