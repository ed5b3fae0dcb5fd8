using System.Numerics;
using Livebed.Explorer.Beds.Migrations;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Paging;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>A VM of the bed and the ways of its process (<see cref="VmProcess"/>) to host, vCPUs and other user space.</summary>
public sealed class BedVm : IVmPort, IProcessPort, IVcpuThreads
{
    private const int TlbEntriesMax = 64;

    /// <summary>A timer goes by the number of steps, on which steps that are independent depend; so there is none where no source can
    /// vanish.</summary>
    private const long WatchMicroseconds = 40;

    private const int PreparePoints = 3;

    private readonly Bed _bed;
    private readonly List<Lane> _vcpuLanes = [];
    private readonly TrackedList<BedVm> _incarnations;
    private readonly bool _isFirst;
    private readonly HostProcess _hostProcess;
    private Func<int, IPacedGuestProgram>? _guest;
    private Func<int, string>? _laneName;
    private Func<int, GuestState, IPacedGuestProgram>? _restore;
    private BedWire? _wire;
    private bool _isQuiesced;
    private Tracked<int> _commands;

    internal BedVm(Bed bed, int ordinal, HostMmu host)
        : this(bed, ordinal, $"vm-{ordinal}", host, new TrackedList<BedVm>(bed.World), isFirst: true, source: null)
    {
        _incarnations.Add(this);
    }

    /// <summary>The same VM on another host, where it will be when it has been migrated; nothing of it is there yet.</summary>
    internal BedVm(Bed bed, BedVm from, HostMmu host, Func<int, ISourcePort> source)
        : this(bed, bed.NextOrdinal(), from.Name, host, from._incarnations, isFirst: false, source)
    {
        _restore = from._restore;
    }

    private BedVm(
        Bed bed, int ordinal, string name, HostMmu host, TrackedList<BedVm> incarnations, bool isFirst, Func<int, ISourcePort>? source)
    {
        _bed = bed;
        _commands = new Tracked<int>(bed.World);
        (AddressSpaceId, Name, Host, _incarnations, _isFirst) = (ordinal, name, host, incarnations, isFirst);
        var options = bed.Options;
        _hostProcess = host.Process(AddressSpaceId, (_, _) => _wire!);
        Process = new VmProcess(
            bed.World,
            new ProcessSpec(
                new VmOptions(
                    isFirst ? name : $"vm-{AddressSpaceId}", AddressSpaceId, options.Protocol, options.Mutant, options.SpinMmuLock,
                    options.DirtyLog, options.RingEntries)
                {
                    SptesPerTable = options.SptesPerTable,
                    HasAccessedBits = options.HasAccessedBits,
                    Architecture = options.Architecture,
                    CountersFrom = options.CountersFrom,
                },
                options.RamPages, options.RamSlots)
            {
                HasPrivateSlots = options.HasPrivateSlots,
                CustomProtocol = options.CustomProtocol,
                WatchMicroseconds = options.MachinesDie ? WatchMicroseconds : 0,
            },
            new ProcessPorts(
                this, new CrossingHostPort(bed.World, options.HostPort?.Invoke(_hostProcess) ?? _hostProcess, options.Mutant),
                options.Hosts > 1 ? new CrossingStreamPort(bed.World, _hostProcess, bed.Slowness) : _hostProcess, this,
                bed.InventoryFor(host), bed.OwnershipOf(host))
            {
                Source = source?.Invoke(AddressSpaceId),
            });
    }

    /// <summary>Ids that are unique over the bed, for the process and for operations that act for it.</summary>
    public int AddressSpaceId { get; }

    /// <summary>What the inventory calls it, wherever it is.</summary>
    public string Name { get; }

    public HostMmu Host { get; }

    public VmProcess Process { get; }

    /// <summary>This VM on every host where it has run, the newest last.</summary>
    public IReadOnlyList<BedVm> Incarnations => _incarnations.ToArray();

    /// <summary>Where it is now.</summary>
    public BedVm Newest => _incarnations[_incarnations.Count - 1];

    public Vm Vm => Process.Vm!;
    public DirtyLogSession Session => Process.Session!;
    public List<Vcpu> Vcpus { get; } = [];
    public RefusingSubscriber? Driver { get; private set; }

    /// <summary>A stream to another host is open.</summary>
    public bool SendsPages => _hostProcess.SendsPages;

    /// <summary>Its process has exited, or is about to.</summary>
    public bool IsGone { get; private set; }

    /// <summary>Where RAM page <paramref name="page"/> is, for the guest and for the host.</summary>
    public static Gfn RamGfn(long page) => VmLayout.RamGfn + page;

    public static Hva RamHva(long page) => VmLayout.RamHva + page;

    internal ValueTask BringUpAsync(
        Func<int, IPacedGuestProgram>? guest, Func<int, string>? laneName, Func<int, GuestState, IPacedGuestProgram>? restore)
    {
        (_guest, _laneName, _restore) = (guest, laneName, restore);
        return Process.CreateAsync(_bed.NewOperation(OperationKind.VmCreate));
    }

    /// <summary>Pages that it sends from now on go this way.</summary>
    internal void SendBy(BedWire wire) => _wire = wire;

    /// <summary>A vCPU that does not run yet: a new one, or one that goes on where another was saved, with a program made of that
    /// state.</summary>
    public Vcpu AddVcpu(int index, IPacedGuestProgram program, VcpuState? state = null)
    {
        var options = _bed.Options;
        var memory = new NotedGuestMemory(
            _bed.World, Host.Find(AddressSpaceId)!.GuestMemory, Host.Fence, options.Hosts > 1 ? Name : null, Host.Name);
        var vcpu = new Vcpu(
            _bed.World,
            new VcpuOptions(
                index, TlbEntries(options), options.BatchAccesses, options.FaultRetriesMax, FaultMicrosecondsMax: 0)
            {
                Mutant = options.Mutant,
                StartsStopped = Vm.Options.StartsStopped,
            },
            $"{Vm.Options.Name}/{index}", Vm.Options.Ordinal, new CrossingVmPort(_bed.World, this, options.HasLateReplies), memory,
            program, state);
        Vcpus.Add(vcpu);
        Vm.Vcpus.Add(new CrossingVcpuPort(_bed.World, vcpu));
        return vcpu;
    }

    /// <summary>Lets the vCPU run, as a lane of its own.</summary>
    public async ValueTask StartVcpuAsync(int index, string? laneName = null)
    {
        // With nothing to do it needs no turn: it has halted.
        if (Vcpus[index].IsHalted) await Vcpus[index].RunAsync();
        else _vcpuLanes.Add(_bed.MachineOf(Host).Spawn(laneName ?? $"{Vm.Options.Name}/vcpu-{index}", Vcpus[index].RunAsync));
    }

    public ValueTask<MemslotResult> SetMemslotAsync(
        Operation op, int id, Gfn gfn, long pages, Hva hva, MemslotFlags flags = MemslotFlags.None) =>
        Process.SetMemslotAsync(op, new MemslotChange(id, gfn, pages, hva, flags));

    public ValueTask<MemslotResult> PlugAsync(Operation op, MemslotFlags flags = MemslotFlags.None, bool moved = false) =>
        SetMemslotAsync(
            op, VmLayout.HotplugSlotId, moved ? VmLayout.HotplugGfnMoved : VmLayout.HotplugGfn, _bed.Options.HotplugPages,
            VmLayout.HotplugHva, flags);

    public ValueTask<MemslotResult> UnplugAsync(Operation op) =>
        SetMemslotAsync(op, VmLayout.HotplugSlotId, VmLayout.HotplugGfn, 0, VmLayout.HotplugHva);

    /// <summary>A vCPU without a guest: faults until the page is mapped or the fault leaves to user space.</summary>
    public async ValueTask<FaultReply> TouchAsync(Gfn gfn, bool write, int retriesMax = 1_000)
    {
        var op = _bed.NewOperation(OperationKind.Fault);
        FaultReply reply;
        do
        {
            await _bed.World.PointAsync(SchedulingPoint.Retry);
            reply = await Vm.Faults.HandleAsync(op, 0, gfn, write);
        }
        while (reply.Status == FaultStatus.Retry && retriesMax-- > 0);
        return reply;
    }

    /// <summary>User space's command: refused when the VM is closing, waited for by its end.</summary>
    public async ValueTask CommandAsync(Func<ValueTask> command) => await Process.CommandAsync(false, async _ =>
    {
        _commands.Value++;
        await command();
        _commands.Value--;
        return true;
    });

    /// <summary>Ends commands and vCPUs; what is left is the VM and its process.</summary>
    public ValueTask QuiesceAsync(Operation op)
    {
        _isQuiesced = true;
        return Process.QuiesceAsync(op);
    }

    /// <summary>VM and process go: the VM first (by its own process or another one), the process first, or both at once.</summary>
    /// <returns>whether it was this that took it down</returns>
    public async ValueTask<bool> TearDownAsync(Operation op, TeardownOrder order)
    {
        if (_isQuiesced && Process.State == ProcessState.Dropping)
        {
            await Process.TakeDownAsync(op, order);
            return true;
        }

        if (!await Process.DestroyAsync(op, order)) return false;
        if (_isFirst || Process.Incoming!.Epoch > 0) _bed.World.GuestLost(Name);
        return true;
    }

    /// <summary>Every page of guest memory holds, in all its bytes, the newest value that was written to it; while nothing runs.</summary>
    public async ValueTask CheckMemoryAsync(Operation op)
    {
        await CheckMemoryAsync(op, new HvaRange(VmLayout.RamHva, _bed.Options.RamPages));
        await CheckMemoryAsync(op, new HvaRange(VmLayout.HotplugHva, _bed.Options.HotplugPages));
    }

    public ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write) => Vm.Faults.HandleAsync(op, vcpu, gfn, write);

    public ValueTask ReapDirtyRingsAsync(Operation op) => Process.ReapDirtyRingsAsync(op);

    Operation IProcessPort.NewOperation(OperationKind kind) => _bed.NewOperation(kind);

    async ValueTask<StreamStatus> IProcessPort.TryCreateAsync(Operation op)
    {
        for (var left = _isFirst || !_bed.Options.PreparesSlowly ? 0 : PreparePoints; left > 0; left--)
            await _bed.World.PointAsync(SchedulingPoint.Yield);
        VmaSpec[] areas =
        [
            new VmaSpec(WithMargins(VmLayout.RamHva, _bed.Options.RamPages), VmaKind.Ram, _bed.Options.Mergeable),
            new VmaSpec(WithMargins(VmLayout.HotplugHva, _bed.Options.HotplugPages), VmaKind.Hotplug, _bed.Options.Mergeable),
            new VmaSpec(new HvaRange(VmLayout.ScratchHva, Bed.ScratchPages), VmaKind.Scratch),
        ];

        // Another process maps its memory in another order.
        if (AddressSpaceId % 2 == 0) Array.Reverse(areas);
        var mm = Host.TryCreateAddressSpace(new AddressSpaceSpec(AddressSpaceId, areas));
        return mm is null ? StreamStatus.NoMemory : StreamStatus.Ok;
    }

    async ValueTask IProcessPort.ExitAsync(Operation op)
    {
        IsGone = true;
        await _hostProcess.ExitAsync(op);
    }

    async ValueTask<MigrationInfo> IProcessPort.RunUnaskedAsync(Operation op, Func<ValueTask<MigrationInfo>> work)
    {
        var info = await work();
        if (Process.Incoming!.Migration.IsGuestLost) _bed.World.GuestLost(Name);
        return info;
    }

    ValueTask IProcessPort.ClosedUnaskedAsync() => ValueTask.CompletedTask;

    async ValueTask IVcpuThreads.StartAsync(Operation op, Vm vm, IReadOnlyList<VcpuState>? states)
    {
        if (_bed.Options.HasRefusingDriver)
            await vm.Host.RegisterNotifierAsync(op, Driver = new RefusingSubscriber($"driver of {vm.Options.Name}"));
        // From now on it is this one that runs.
        if (!_isFirst) _incarnations.Add(this);

        foreach (var state in states ?? []) AddVcpu(state.Index, _restore!(state.Index, state.Program), state);
        for (var index = 0; states is null && _guest is not null && index < _bed.Options.Vcpus; index++) AddVcpu(index, _guest(index));
        for (var index = 0; index < Vcpus.Count; index++) await StartVcpuAsync(index, _laneName?.Invoke(index));
    }

    async ValueTask IVcpuThreads.StopAsync(Operation op)
    {
        if (_commands.Value > 0) Vm.Violated(Invariants.Teardown, "a command still runs where the teardown has drained commands");
        foreach (var vcpu in Vcpus) await vcpu.StopAsync(op);
        foreach (var lane in _vcpuLanes) await lane.Completion;
        // The footprint of the finished waits does not matter any more.
        _bed.World.Footprints?.WriteEverything();
    }

    ValueTask IVcpuThreads.CloseAsync(Operation op) => ValueTask.CompletedTask;

    private async ValueTask CheckMemoryAsync(Operation op, HvaRange range)
    {
        foreach (var hva in await _hostProcess.StaleAsync(op, range))
            Vm.Violated(Invariants.GuestMemory, $"{hva} does not hold the newest value that was written to it", hva: hva);
    }

    private static HvaRange WithMargins(Hva start, long pages) => new(start + -Bed.MarginPages, pages + 2 * Bed.MarginPages);

    /// <summary>One for each page of an area: as in a larger one, pages of one area never push each other out.</summary>
    private static int TlbEntries(BedOptions options) =>
        Math.Min(
            TlbEntriesMax,
            (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(options.RamPages + options.PagesBesideRam, options.HotplugPages)));
}
