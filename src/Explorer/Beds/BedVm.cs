using System.Numerics;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>A VM and its process, wired as the grains wire them; commands of user space hold the VM open, and end before it goes.</summary>
public sealed class BedVm : IVmPort
{
    private const int TlbEntriesMax = 64;

    private readonly Bed _bed;
    private readonly List<Lane> _vcpuLanes = [];
    private Latch? _drained;
    private int _commands;

    private readonly Place _state;

    internal BedVm(Bed bed, int ordinal)
    {
        _bed = bed;
        _state = new Place(bed.World);
        var options = bed.Options;
        AddressSpaceId = ordinal;
        bed.Host.CreateAddressSpace(new AddressSpaceSpec(ordinal,
        [
            new VmaSpec(new HvaRange(VmLayout.RamHva, options.RamPages), VmaKind.Ram, options.Mergeable),
            new VmaSpec(new HvaRange(VmLayout.HotplugHva, options.HotplugPages), VmaKind.Hotplug, options.Mergeable),
            new VmaSpec(new HvaRange(VmLayout.ScratchHva, Bed.ScratchPages), VmaKind.Scratch),
        ]));
        IHostPort port = new HostPort(bed.Host, ordinal);
        port = new CrossingHostPort(bed.World, options.HostPort?.Invoke(port) ?? port);
        Vm = new Vm(
            bed.World,
            new VmOptions($"vm-{ordinal}", ordinal, options.Protocol, options.Mutant, options.SpinMmuLock, options.DirtyLog, options.RingEntries)
            {
                SptesPerTable = options.SptesPerTable,
                HasAccessedBits = options.HasAccessedBits,
            },
            port, options.CustomProtocol);
        Session = new DirtyLogSession(Vm);
    }

    public int AddressSpaceId { get; }

    public Vm Vm { get; }
    public DirtyLogSession Session { get; }
    public List<Vcpu> Vcpus { get; } = [];
    public RefusingSubscriber? Driver { get; private set; }
    public bool IsClosing
    {
        get
        {
            _state.Reads();
            return field;
        }

        private set
        {
            _state.Writes();
            field = value;
        }
    }

    /// <summary>Where RAM page <paramref name="page"/> is, for the guest and for the host.</summary>
    public static Gfn RamGfn(long page) => VmLayout.RamGfn + page;

    public static Hva RamHva(long page) => VmLayout.RamHva + page;

    internal async ValueTask BringUpAsync(Func<int, IPacedGuestProgram>? guest, Func<int, string>? laneName)
    {
        var op = _bed.NewOperation(OperationKind.VmCreate);
        await Vm.Host.RegisterNotifierAsync(op, Vm.Notifier);
        if (_bed.Options.HasRefusingDriver)
            await Vm.Host.RegisterNotifierAsync(op, Driver = new RefusingSubscriber($"driver of {Vm.Options.Name}"));
        if (_bed.Options.HasPrivateSlots) await Vm.Teardown.CreatePrivateSlotsAsync(op);
        foreach (var (slotId, first, pages) in VmLayout.RamSlots(_bed.Options.RamPages, _bed.Options.RamSlots))
            await SetMemslotAsync(op, slotId, RamGfn(first), pages, RamHva(first));
        if (guest is null) return;
        var programs = Enumerable.Range(0, _bed.Options.Vcpus).Select(guest).ToList();
        for (var index = 0; index < programs.Count; index++) AddVcpu(index, programs[index]);
        for (var index = 0; index < Vcpus.Count; index++)
        {
            var vcpu = Vcpus[index];
            if (programs[index].IsOver)
            {
                // Nothing to do, so it needs no turn: it has halted.
                await vcpu.RunAsync();
                continue;
            }

            _vcpuLanes.Add(_bed.World.Spawn(
                laneName?.Invoke(index) ?? $"{Vm.Options.Name}/vcpu-{index}", vcpu.RunAsync));
        }
    }

    public ValueTask<MemslotResult> SetMemslotAsync(Operation op, int id, Gfn gfn, long pages, Hva hva, MemslotFlags flags = MemslotFlags.None) =>
        Vm.MemslotUpdates.SetAsync(op, new MemslotChange(id, gfn, pages, hva, flags));

    public ValueTask<MemslotResult> PlugAsync(Operation op, MemslotFlags flags = MemslotFlags.None, bool moved = false) =>
        SetMemslotAsync(
            op, VmLayout.HotplugSlotId, moved ? VmLayout.HotplugGfnMoved : VmLayout.HotplugGfn, _bed.Options.HotplugPages, VmLayout.HotplugHva, flags);

    public ValueTask<MemslotResult> UnplugAsync(Operation op) => SetMemslotAsync(op, VmLayout.HotplugSlotId, VmLayout.HotplugGfn, 0, VmLayout.HotplugHva);

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
    public async ValueTask CommandAsync(Func<ValueTask> command)
    {
        if (IsClosing) return;
        _commands++;
        await command();
        _state.Reads();
        if (--_commands == 0) _drained?.Complete();
    }

    /// <summary>Ends commands and vCPUs; what is left is the VM and its process.</summary>
    public async ValueTask QuiesceAsync(Operation op)
    {
        IsClosing = true;
        if (_commands > 0) await (_drained = new Latch(_bed.World));
        foreach (var vcpu in Vcpus) await vcpu.StopAsync(op);
        foreach (var lane in _vcpuLanes) await lane.Completion;
        // Who was waited for is no matter of places any more.
        _bed.World.Footprints?.WriteEverything();
    }

    /// <summary>VM and process go: the VM first (by its own process or another one), the process first, or both at once.</summary>
    public async ValueTask TearDownAsync(Operation op, TeardownOrder order)
    {
        await QuiesceAsync(op);
        if (order == TeardownOrder.AddressSpaceFirst) await ExitAsync();
        var racing = order == TeardownOrder.AtOnce ? _bed.Spawn(OperationKind.AddressSpaceExit, ExitAsync) : null;
        await Vm.Teardown.DestroyAsync(op, order == TeardownOrder.VmFirstShared);
        if (racing is not null) await racing.Completion;
        if (order is TeardownOrder.VmFirst or TeardownOrder.VmFirstShared) await ExitAsync();
    }

    public ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write) => Vm.Faults.HandleAsync(op, vcpu, gfn, write);

    public ValueTask ReapDirtyRingsAsync(Operation op) => Session.ReapAsync(op);

    private void AddVcpu(int index, IPacedGuestProgram program)
    {
        var options = _bed.Options;
        var memory = new NotedGuestMemory(_bed.World, _bed.Host.Find(AddressSpaceId)!.GuestMemory);
        var vcpu = new Vcpu(
            _bed.World,
            new VcpuOptions(
                index, TlbEntries(options), BatchAccesses: 8, FaultRetriesMax: options.FaultRetriesMax, FaultMicrosecondsMax: options.FaultMicrosecondsMax),
            $"{Vm.Options.Name}/{index}", Vm.Options.Ordinal, new CrossingVmPort(_bed.World, this), memory, program);
        Vcpus.Add(vcpu);
        Vm.Vcpus.Add(vcpu);
    }

    /// <summary>One for each page of an area: as in a larger one, pages of one area never push each other out.</summary>
    private static int TlbEntries(BedOptions options) =>
        Math.Min(TlbEntriesMax, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(options.RamPages, options.HotplugPages)));

    private ValueTask ExitAsync() => ExitAsync(_bed.NewOperation(OperationKind.AddressSpaceExit));

    private async ValueTask ExitAsync(Operation op) => await _bed.Host.ExitAddressSpaceAsync(op, AddressSpaceId);
}
