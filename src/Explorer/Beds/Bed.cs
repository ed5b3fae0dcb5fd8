using Livebed.Explorer.Beds.Migrations;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>
/// One host and its VMs in a virtual world, connected by plain calls, and the words in which scenarios and tests speak to them. Whatever
/// runs at once is a lane of the world; a scenario gives the operations and the world decides their order.
/// </summary>
public sealed class Bed
{
    public const int PageSize = 64;
    public const int ScratchPages = 4;

    /// <summary>Memory of the process before and after RAM, and before and after what can be plugged, in the same area: no memslot covers
    /// it, unless a scenario makes one.</summary>
    public const int MarginPages = 8;

    private const long StepsMax = 2_000_000;

    private static readonly string[] HostNames = ["host-0", "host-1"];

    private readonly OperationIds _ids = new(0);
    // Asked only when a schedule stands still.
    [Untracked("for hangs")]
    private readonly List<(OperationId Operation, Lane Lane)> _lanesOf = [];

    [Untracked("scenarios make VMs before the lanes run")]
    private readonly List<BedVm> _vms = [];

    [Untracked("only tells VMs apart")]
    private int _created;

    [Untracked("only tells streams apart")]
    private long _streams;

    public Bed(BedOptions options, VirtualWorld world)
    {
        Options = options;
        World = world;
        var hosts = new HostMmu[options.Hosts];
        var machines = new Machine[options.Hosts];
        for (var host = 0; host < hosts.Length; host++)
        {
            hosts[host] = new HostMmu(World, HostNames[host], options.Frames, PageSize, options.Mutant)
            {
                Streams = { LinkBandwidth = options.LinkBandwidth },
            };
            machines[host] = new Machine(world, HostNames[host], options.MachinesDie);
        }

        (Hosts, Machines) = (hosts, machines);
        Network = new BedNetwork(World, options.RepeatsSeed);
        Slowness = new SlowHost(World, options.SlowSeed);
        LinkTurns = new LinkTurns(World);
        HostOwnerships = options.Hosts > 1 ? [.. Hosts.Select(host => new HostOwnership(World, host.Name, options.Mutant))] : [];
        if (options.Hosts > 1) Inventory = new BedInventory(
            World, options.ReportsBackwards ? [.. HostOwnerships.Reverse()] : HostOwnerships, Network, options.MachinesDie, options.Mutant);
        Leases = new BedLeases(world, options.LeaseMicroseconds);
    }

    public Bed(BedOptions options, ISchedulingStrategy strategy, bool stopAtFirstViolation = true)
        : this(options, new VirtualWorld(strategy, stopAtFirstViolation))
    {
    }

    public Bed(BedOptions options, ulong seed)
        : this(options, new RandomStrategy(seed))
    {
    }

    public BedOptions Options { get; }
    public VirtualWorld World { get; }
    public IReadOnlyList<HostMmu> Hosts { get; }

    /// <summary>The first host; the only one where nothing migrates.</summary>
    public HostMmu Host => Hosts[0];

    /// <summary>On which the hosts are, in their order.</summary>
    public IReadOnlyList<Machine> Machines { get; }

    /// <summary>What each host knows of its own VMs; none where nothing migrates.</summary>
    public IReadOnlyList<HostOwnership> HostOwnerships { get; }

    /// <summary>Between user spaces, and to the inventory.</summary>
    internal BedNetwork Network { get; }

    /// <summary>Of its hosts.</summary>
    internal SlowHost Slowness { get; }

    /// <summary>Whose chunks leave over a link that migrations share.</summary>
    internal LinkTurns LinkTurns { get; }

    /// <summary>Which of them owns which VM; null where nothing migrates.</summary>
    internal BedInventory? Inventory { get; }

    /// <summary>Which host lives.</summary>
    internal BedLeases Leases { get; }

    internal IVmInventory InventoryFor(HostMmu host) => Inventory is null ? NoInventory.Instance : Inventory.From(host.Name);

    /// <summary>Every VM that was ever made here.</summary>
    public IReadOnlyList<BedVm> Vms => _vms;

    public Operation NewOperation(OperationKind kind)
    {
        var op = new Operation(_ids.Next(), kind);
        if (World.Current is { } lane) _lanesOf.Add((op.Id, lane));
        return op;
    }

    /// <summary>Creates a process with its VM, its memslots and its vCPUs, which begin to run <paramref name="guest"/>'s
    /// programs.</summary>
    public async ValueTask<BedVm> CreateVmAsync(
        Func<int, IPacedGuestProgram>? guest = null, Func<int, string>? laneName = null,
        Func<int, GuestState, IPacedGuestProgram>? restore = null)
    {
        var vm = new BedVm(this, NextOrdinal(), Host);
        _vms.Add(vm);
        await vm.BringUpAsync(guest, laneName, restore);
        return vm;
    }

    internal IHostOwnership OwnershipOf(HostMmu host) =>
        Inventory is null
            ? NoInventory.Instance
            : new BedOwnership(World, HostOwnerships.First(ownership => ownership.Host == host.Name), Network);

    public Machine MachineOf(HostMmu host) => Machines[Hosts[0] == host ? 0 : 1];

    /// <summary>The host's machine dies, and everything that it runs.</summary>
    public void Kill(HostMmu host)
    {
        World.Trace?.Note(null, $"the machine of {host.Name} dies");
        MachineOf(host).Die();
        World.RunsSomewhere.Died(host.Name);
    }

    /// <summary>Where a VM of this host migrates to.</summary>
    public HostMmu OtherHost(HostMmu host) => Hosts.First(other => other != host);

    internal int NextOrdinal() => ++_created;

    internal long NextStream() => ++_streams;

    /// <summary>Runs an operation as a lane of its own.</summary>
    public Lane Spawn(OperationKind kind, Func<Operation, ValueTask> body)
    {
        var op = new Operation(_ids.Next(), kind);
        var lane = World.Spawn(op.ToString(), () => body(op));
        _lanesOf.Add((op.Id, lane));
        return lane;
    }

    public Lane SpawnEvent(HostEventKind kind, BedVm vm, Hva start, long pages, long hold = 0) =>
        Spawn(kind, async op => await RunEventAsync(vm.Host, op, vm.AddressSpaceId, start, pages, hold));

    public ValueTask<HostEventResult> RunEventAsync(Operation op, int addressSpace, Hva start, long pages, long hold = 0) =>
        RunEventAsync(Host, op, addressSpace, start, pages, hold);

    public static ValueTask<HostEventResult> RunEventAsync(
        HostMmu host, Operation op, int addressSpace, Hva start, long pages, long hold = 0) =>
        host.RunEventAsync(
            op, new HostEvent((HostEventKind)op.Kind, addressSpace, new HvaRange(start, pages), hold) { ChildMicroseconds = hold });

    /// <summary>Runs operations at once and returns when the last is done.</summary>
    public static async ValueTask WhenAllAsync(params IEnumerable<Lane> lanes)
    {
        foreach (var lane in lanes.ToList()) await lane.Completion;
    }

    public ScheduleResult Run(Func<ValueTask> scenario, long stepsMax = StepsMax)
    {
        World.Spawn("scenario", scenario);
        return World.Run(stepsMax);
    }

    /// <summary>What the schedule broke: the violated invariants and, when it stands still, the invariant of the missing
    /// progress.</summary>
    public IReadOnlySet<string> Broken(ScheduleResult result) => Violations(result).Select(violation => violation.Invariant).ToHashSet();

    /// <summary>What checks reported and, when the schedule did not come to its end, why not: deadlocks, orphaned holds, waits and spins
    /// without an end, each with a witness.</summary>
    public IReadOnlyList<Violation> Violations(ScheduleResult result)
    {
        if (result.Outcome is not (ScheduleOutcome.Stuck or ScheduleOutcome.StepLimit)) return result.Violations;
        var violations = new List<Violation>(result.Violations);
        foreach (var hang in new StandstillDetector(this).Hangs(result))
            violations.Add(
                new Violation(hang.Invariant, $"{hang.Kind}: {hang.Message}", Operations: hang.Operations, Witness: hang.Witness));
        // A call of the protocol that waits for no lock of the model has no hang that could be shown.
        if (violations.Count == 0 && result.Outcome == ScheduleOutcome.Stuck) violations.AddRange(UnreturnedCalls());
        if (violations.Count == 0 && result.Unfinished.Count == 0)
            violations.Add(new Violation(
                Invariants.TeardownProgress, "what comes before or after the actors waits for ever, and for no lock of the model"));
        if (violations.Count == 0)
            violations.Add(new Violation(
                Invariants.FaultProgress,
                $"livelock: {string.Join(", ", result.Unfinished.Select(lane => lane.Name))} did not come to an end in {result.Steps} "
                    + $"steps"));
        return violations;
    }

    /// <summary>Where nothing can run any more: the calls of a protocol that will never return.</summary>
    public IEnumerable<Violation> UnreturnedCalls() =>
        from vm in _vms.SelectMany(vm => vm.Incarnations)
        where !MachineOf(vm.Host).IsDead
        let message = vm.Vm.Checks.Contract.Unreturned()
        where message is not null
        select new Violation(Invariants.Contract, message, vm.Vm.Options.Name);

    /// <summary>All current waits, with their actors.</summary>
    public IReadOnlyList<ObservedWait> Waits()
    {
        var waits = new List<ObservedWait>(
            Hosts.Where(host => !MachineOf(host).IsDead)
                .SelectMany(host => host.Locks.Waits().Select(wait => new ObservedWait(host.Name, wait))));
        foreach (var vm in _vms.SelectMany(vm => vm.Incarnations).Where(vm => !MachineOf(vm.Host).IsDead))
        {
            waits.AddRange(vm.Vm.Locks.Waits().Select(wait => new ObservedWait(vm.Vm.Options.Name, wait)));
            var ofVcpus = new List<WaitSnapshot>();
            foreach (var vcpu in vm.Vcpus) vcpu.AddWaits(ofVcpus);
            waits.AddRange(ofVcpus.Select(wait => new ObservedWait(wait.Instance, wait)));
        }

        return waits;
    }

    /// <summary>Whether the lane that ran the operation is done; false for operations of vCPUs, which live as long as these.</summary>
    public bool HasEnded(OperationId operation) => _lanesOf.Exists(entry => entry.Operation == operation && entry.Lane.IsDone);
}
