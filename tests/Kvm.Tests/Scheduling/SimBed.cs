using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>
/// One host and its VMs in a simulated world, connected by plain calls, and the words in which tests speak to them. Whatever runs at once
/// is a task of the world; a test gives the operations and the world decides their order.
/// </summary>
internal sealed class SimBed
{
    public const int PageSize = 64;
    public const int ScratchPages = 4;
    private const long StepsMax = 2_000_000;

    private readonly OperationIds _ids = new(0);
    private readonly List<SimVm> _vms = [];
    private int _created;

    public SimBed(SimBedOptions options, ISchedulingStrategy strategy, bool stopAtFirstViolation = true)
    {
        Options = options;
        World = new SimWorld(strategy, stopAtFirstViolation);
        Host = new HostMmu(World, "host-0", options.Frames, PageSize, options.Mutant);
    }

    public SimBed(SimBedOptions options, ulong seed)
        : this(options, new RandomStrategy(seed))
    {
    }

    public SimBedOptions Options { get; }
    public SimWorld World { get; }
    public HostMmu Host { get; }

    /// <summary>Every VM that was ever made here.</summary>
    public IReadOnlyList<SimVm> Vms => _vms;

    public Operation NewOperation(OperationKind kind) => new(_ids.Next(), kind);

    /// <summary>Creates a process with its VM, its memslots and its vCPUs, which begin to run <paramref name="guest"/>'s programs.</summary>
    public async ValueTask<SimVm> CreateVmAsync(Func<int, IPacedGuestProgram>? guest = null)
    {
        var vm = new SimVm(this, ++_created);
        _vms.Add(vm);
        await vm.BringUpAsync(guest);
        return vm;
    }

    /// <summary>Runs an operation as a task of its own.</summary>
    public SimTask Spawn(OperationKind kind, Func<Operation, ValueTask> body)
    {
        var op = NewOperation(kind);
        return World.Spawn(op.ToString(), () => body(op));
    }

    public SimTask SpawnEvent(OperationKind kind, SimVm vm, Hva start, long pages, long hold = 0) =>
        Spawn(kind, async op => await RunEventAsync(op, vm.AddressSpaceId, start, pages, hold));

    public ValueTask<HostEventResult> RunEventAsync(Operation op, int addressSpace, Hva start, long pages, long hold = 0) =>
        Host.RunEventAsync(op, new HostEvent(op.Kind, addressSpace, new HvaRange(start, pages), hold) { ChildMicroseconds = hold });

    /// <summary>Runs operations at once and returns when the last is done.</summary>
    public static async ValueTask WhenAllAsync(params IEnumerable<SimTask> tasks)
    {
        foreach (var task in tasks.ToList()) await task.Completion;
    }

    public SimResult Run(Func<ValueTask> scenario, long stepsMax = StepsMax)
    {
        World.Spawn("scenario", scenario);
        return World.Run(stepsMax);
    }

    /// <summary>What the run broke: the violated invariants and, when it stands still, whose progress that is.</summary>
    public IReadOnlySet<string> Broken(SimResult result)
    {
        var broken = result.Violations.Select(violation => violation.Invariant).ToHashSet();
        if (result.Outcome is not (SimOutcome.Stuck or SimOutcome.StepLimit)) return broken;
        var waits = Waits();
        foreach (var wait in waits) broken.Add(ProgressOf(wait.WaiterKind));
        if (result.Outcome == SimOutcome.Stuck && HasCycle(waits)) broken.Add(Invariants.Deadlock);
        return broken;
    }

    /// <summary>Everyone who waits now, at any actor.</summary>
    public IReadOnlyList<WaitSnapshot> Waits()
    {
        var waits = new List<WaitSnapshot>(Host.Locks.Waits());
        foreach (var vm in _vms)
        {
            waits.AddRange(vm.Vm.Locks.Waits());
            foreach (var vcpu in vm.Vcpus) vcpu.AddWaits(waits);
        }

        return waits;
    }

    private static string ProgressOf(OperationKind kind) => kind switch
    {
        OperationKind.VmDestroy or OperationKind.AddressSpaceExit => Invariants.TeardownProgress,
        OperationKind.MemslotCreate or OperationKind.MemslotDelete or OperationKind.MemslotMove or OperationKind.MemslotFlags
            or OperationKind.DirtyLogEnable or OperationKind.DirtyLogDisable => Invariants.MemslotUpdateProgress,
        OperationKind.DirtyLogGet or OperationKind.DirtyLogVerify or OperationKind.DirtyRingReap => Invariants.MigrationProgress,
        >= OperationKind.Unmap => Invariants.InvalidationProgress,
        _ => Invariants.FaultProgress,
    };

    /// <summary>Nothing moves any more, so a wait that leads back to its own operation is a deadlock.</summary>
    private static bool HasCycle(IReadOnlyList<WaitSnapshot> waits)
    {
        var behind = waits.ToLookup(wait => wait.Waiter, wait => wait.Blockers.Select(blocker => blocker.Operation));
        foreach (var wait in waits)
        {
            var seen = new HashSet<OperationId>();
            var open = new Stack<OperationId>([wait.Waiter]);
            while (open.TryPop(out var operation))
                foreach (var blocker in behind[operation].SelectMany(blockers => blockers))
                {
                    if (blocker == wait.Waiter) return true;
                    if (seen.Add(blocker)) open.Push(blocker);
                }
        }

        return false;
    }
}
