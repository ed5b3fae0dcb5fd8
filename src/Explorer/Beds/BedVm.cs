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
    private readonly List<BedVm> _incarnations;
    private Func<int, GuestState, IPacedGuestProgram>? _restore;
    private Latch? _drained;
    private int _commands;

    private readonly Place _state;

    internal BedVm(Bed bed, int ordinal, HostMmu host)
        : this(bed, ordinal, $"vm-{ordinal}", host, [])
    {
        CreateProcess();
        CreateVm();
    }

    /// <summary>The same VM on another host, where it will be when it has been migrated; nothing of it is there yet.</summary>
    internal BedVm(Bed bed, BedVm from, HostMmu host)
        : this(bed, bed.NextOrdinal(), from.Name, host, from._incarnations)
    {
        _restore = from._restore;
    }

    private BedVm(Bed bed, int ordinal, string name, HostMmu host, List<BedVm> incarnations)
    {
        _bed = bed;
        _state = new Place(bed.World);
        (AddressSpaceId, Name, Host, _incarnations) = (ordinal, name, host, incarnations);
        if (_incarnations.Count == 0) _incarnations.Add(this);
    }

    /// <summary>Unique over the bed: of the process, and of whoever acts for it.</summary>
    public int AddressSpaceId { get; }

    /// <summary>What the inventory calls it, wherever it is.</summary>
    public string Name { get; }

    public HostMmu Host { get; }

    /// <summary>This VM on every host where it has run, the newest last.</summary>
    public IReadOnlyList<BedVm> Incarnations => _incarnations;

    private bool IsFirst => _incarnations[0] == this;

    /// <summary>Where it is now.</summary>
    public BedVm Newest
    {
        get
        {
            _incarnations[0]._state.Reads();
            return _incarnations[^1];
        }
    }

    public Vm Vm { get; private set; } = null!;
    public DirtyLogSession Session { get; private set; } = null!;

    /// <summary>The migration that moves it away now.</summary>
    internal BedMigration? Migration
    {
        get
        {
            _state.Reads();
            return field;
        }

        set
        {
            _state.Writes();
            field = value;
        }
    }
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

    /// <summary>Its process has exited, or is about to.</summary>
    public bool IsGone { get; private set; }

    /// <summary>Where RAM page <paramref name="page"/> is, for the guest and for the host.</summary>
    public static Gfn RamGfn(long page) => VmLayout.RamGfn + page;

    public static Hva RamHva(long page) => VmLayout.RamHva + page;

    internal void CreateProcess() => Host.CreateAddressSpace(new AddressSpaceSpec(AddressSpaceId,
    [
        new VmaSpec(new HvaRange(VmLayout.RamHva, _bed.Options.RamPages), VmaKind.Ram, _bed.Options.Mergeable),
        new VmaSpec(new HvaRange(VmLayout.HotplugHva, _bed.Options.HotplugPages), VmaKind.Hotplug, _bed.Options.Mergeable),
        new VmaSpec(new HvaRange(VmLayout.ScratchHva, Bed.ScratchPages), VmaKind.Scratch),
    ]));

    internal void CreateVm()
    {
        var options = _bed.Options;
        IHostPort port = new HostPort(Host, AddressSpaceId);
        port = new CrossingHostPort(_bed.World, options.HostPort?.Invoke(port) ?? port);
        Vm = new Vm(
            _bed.World,
            new VmOptions(
                IsFirst ? Name : $"vm-{AddressSpaceId}", AddressSpaceId, options.Protocol, options.Mutant, options.SpinMmuLock,
                options.DirtyLog, options.RingEntries)
            {
                SptesPerTable = options.SptesPerTable,
                HasAccessedBits = options.HasAccessedBits,
            },
            port, options.CustomProtocol);
        Session = new DirtyLogSession(Vm);
    }

    internal async ValueTask BringUpAsync(
        Func<int, IPacedGuestProgram>? guest, Func<int, string>? laneName, Func<int, GuestState, IPacedGuestProgram>? restore)
    {
        _restore = restore;
        var op = _bed.NewOperation(OperationKind.VmCreate);
        await RegisterAsync(op);
        foreach (var (slotId, first, pages) in VmLayout.RamSlots(_bed.Options.RamPages, _bed.Options.RamSlots))
            await SetMemslotAsync(op, slotId, RamGfn(first), pages, RamHva(first));
        if (guest is null) return;
        for (var index = 0; index < _bed.Options.Vcpus; index++) AddVcpu(index, guest(index));
        for (var index = 0; index < Vcpus.Count; index++) await StartVcpuAsync(index, laneName?.Invoke(index));
    }

    /// <summary>A vCPU that does not run yet: a new one, or one that goes on where another was saved, with a program made of that
    /// state.</summary>
    public Vcpu AddVcpu(int index, IPacedGuestProgram program, VcpuState? state = null)
    {
        var options = _bed.Options;
        var memory = new NotedGuestMemory(_bed.World, Host.Find(AddressSpaceId)!.GuestMemory);
        var vcpu = new Vcpu(
            _bed.World,
            new VcpuOptions(
                index, TlbEntries(options), options.BatchAccesses, options.FaultRetriesMax, FaultMicrosecondsMax: 0),
            $"{Vm.Options.Name}/{index}", Vm.Options.Ordinal, new CrossingVmPort(_bed.World, this), memory, program, state);
        Vcpus.Add(vcpu);
        Vm.Vcpus.Add(vcpu);
        return vcpu;
    }

    /// <summary>Lets the vCPU run, as a lane of its own.</summary>
    public async ValueTask StartVcpuAsync(int index, string? laneName = null)
    {
        // With nothing to do it needs no turn: it has halted.
        if (Vcpus[index].IsHalted) await Vcpus[index].RunAsync();
        else _vcpuLanes.Add(_bed.MachineOf(Host).Spawn(laneName ?? $"{Vm.Options.Name}/vcpu-{index}", Vcpus[index].RunAsync));
    }

    /// <summary>Notifier and private memslots: what a VM has before it has memory.</summary>
    internal async ValueTask RegisterAsync(Operation op)
    {
        await Vm.Host.RegisterNotifierAsync(op, Vm.Notifier);
        if (_bed.Options.HasRefusingDriver)
            await Vm.Host.RegisterNotifierAsync(op, Driver = new RefusingSubscriber($"driver of {Vm.Options.Name}"));
        if (_bed.Options.HasPrivateSlots) await Vm.Teardown.CreatePrivateSlotsAsync(op);
    }

    /// <summary>A vCPU that goes on where another was saved; it does not run yet.</summary>
    internal void Restore(VcpuState state) => AddVcpu(state.Index, _restore!(state.Index, state.Program), state);

    /// <summary>From now on it is this one that runs.</summary>
    internal void BecomeNewest()
    {
        _incarnations[0]._state.Writes();
        _incarnations.Add(this);
    }

    public ValueTask<MemslotResult> SetMemslotAsync(
        Operation op, int id, Gfn gfn, long pages, Hva hva, MemslotFlags flags = MemslotFlags.None)
    {
        var change = new MemslotChange(id, gfn, pages, hva, flags);
        return Migration is { } migration ? migration.Source.SetMemslotAsync(op, change) : Vm.MemslotUpdates.SetAsync(op, change);
    }

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
    public async ValueTask CommandAsync(Func<ValueTask> command)
    {
        if (IsClosing || Vm.IsHandedOver) return;
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

    /// <summary>Every page of guest memory holds, in all its bytes, the newest value that was written to it; with nobody running.</summary>
    public async ValueTask CheckMemoryAsync(Operation op)
    {
        var stream = new StreamPort(Host, AddressSpaceId, (_, _) => throw new InvalidOperationException("nothing is sent"));
        HvaRange[] memory = [new(VmLayout.RamHva, _bed.Options.RamPages), new(VmLayout.HotplugHva, _bed.Options.HotplugPages)];
        foreach (var range in memory)
        {
            var newest = await stream.SaveOracleAsync(op, range);
            var image = await stream.ImageAsync(op, range);
            for (var page = 0; page < image.Length; page++)
                if (image[page] != PageChecksum.Of(newest[page], Bed.PageSize))
                    Vm.Violated(
                        Invariants.GuestMemory, $"{range.Start + page} does not hold the newest value written, 0x{newest[page]:x}",
                        hva: (range.Start + page).Value);
        }
    }

    public ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write) => Vm.Faults.HandleAsync(op, vcpu, gfn, write);

    public ValueTask ReapDirtyRingsAsync(Operation op) =>
        Migration is { } migration ? migration.Source.ReapAsync(op) : Session.ReapAsync(op);

    /// <summary>One for each page of an area: as in a larger one, pages of one area never push each other out.</summary>
    private static int TlbEntries(BedOptions options) =>
        Math.Min(TlbEntriesMax, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(options.RamPages, options.HotplugPages)));

    private ValueTask ExitAsync() => ExitAsync(_bed.NewOperation(OperationKind.AddressSpaceExit));

    internal async ValueTask ExitAsync(Operation op)
    {
        IsGone = true;
        await Host.ExitAddressSpaceAsync(op, AddressSpaceId);
    }
}
