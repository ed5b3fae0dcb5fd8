using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>
/// The process of a VM grain, QEMU's part: it makes the address space, the VM in it and the vCPUs, and takes them down again. A VM that
/// begins has all at once; one that comes from another host has its process first, its VM when the source has stopped, and its vCPUs when
/// it may run.
/// </summary>
internal sealed class VmProcess(IGrainFactory grains, ActorJournal journal, string key, VmMessage message)
{
    private const int StartAttempts = 20;

    private readonly List<IVcpuGrain> _vcpus = [];

    public VmMessage Message => message;
    public string Key => key;
    public IHostMmuGrain Host { get; } = grains.GetGrain<IHostMmuGrain>(message.HostKey);

    /// <summary>Ids of what this process does beside its commands.</summary>
    public OperationIds Ids { get; } = new(OperationId.OriginOf(message.Options.Ordinal, OperationId.OfProcess));

    /// <summary>Ids of what its migrations do.</summary>
    public OperationIds MigrationIds { get; } = new(OperationId.OriginOf(message.Options.Ordinal, OperationId.OfMigration));

    /// <summary>Null until <see cref="CreateVmAsync"/>.</summary>
    public Vm? Vm { get; private set; }

    public DirtyLogSession? Session { get; private set; }
    public IReadOnlyList<IVcpuGrain> Vcpus => _vcpus;

    /// <summary>False when the host is not there.</summary>
    public ValueTask<bool> TryCreateAsync(Operation op) =>
        Host.CreateAddressSpaceAsync(OperationMessage.From(op), AddressSpace(), message.RefusesNonBlockable);

    /// <summary>KVM_CREATE_VM: a VM with the slots that KVM makes itself.</summary>
    public async ValueTask<Vm> CreateVmAsync(Operation op)
    {
        var vm = new Vm(journal.World, message.Options, new HostGrainPort(Host, message.AddressSpaceId, key));
        Session = new DirtyLogSession(vm);
        Vm = vm;
        await vm.Host.RegisterNotifierAsync(op, vm.Notifier);
        await vm.Teardown.CreatePrivateSlotsAsync(op);
        return vm;
    }

    /// <summary>The memslots of a VM that begins.</summary>
    public async ValueTask CreateRamAsync(Operation op)
    {
        foreach (var (slotId, first, pages) in VmLayout.RamSlots(message.RamPages, message.Memslots))
            await Vm!.MemslotUpdates.SetAsync(
                op, new MemslotChange(slotId, VmLayout.RamGfn + first, pages, VmLayout.RamHva + first, MemslotFlags.None));
    }

    /// <summary>The vCPUs run, from the beginning or from where <paramref name="states"/> were saved.</summary>
    public async Task StartVcpusAsync(IReadOnlyList<VcpuState>? states = null)
    {
        for (var index = 0; index < message.Vcpus; index++)
        {
            var vcpu = grains.GetGrain<IVcpuGrain>(ActorKeys.Vcpu(key, index));
            _vcpus.Add(vcpu);
            Vm!.Vcpus.Add(new VcpuGrainPort(vcpu));
        }

        await Task.WhenAll(_vcpus.Select((vcpu, index) => StartAsync(vcpu, index, states?.Single(state => state.Index == index))));
    }

    /// <summary>One step of the dirty-log session.</summary>
    /// <returns>pages copied or compared; -1 when there was nothing to do</returns>
    public async ValueTask<long> RunDirtyLogAsync(Operation op, DirtyLogStep step)
    {
        switch (step)
        {
            case DirtyLogStep.Enable:
                return await Session!.EnableAsync(op, [.. Enumerable.Range(0, message.Memslots)]) ? message.RamPages : -1;
            case DirtyLogStep.Round:
                return await Session!.RoundAsync(op);
            case DirtyLogStep.Verify:
                return await Session!.VerifyAsync(op);
            default:
                await Session!.DisableAsync(op);
                return 0;
        }
    }

    /// <summary>Guests, process and VM go, in the asked order.</summary>
    /// <returns>the vCPUs' last reports</returns>
    public async ValueTask<ActorReport[]> TearDownAsync(Operation op, DestroyMessage how)
    {
        await Task.WhenAll(_vcpus.Select(vcpu => vcpu.StopAsync(OperationMessage.From(op)).AsTask()));
        var exit = new Operation(Ids.Next(), OperationKind.AddressSpaceExit);
        switch (how.Order)
        {
            case DestroyOrder.VmFirst:
                await DestroyVmAsync(op, how.SharesAddressSpace);
                await ExitAsync(exit);
                break;
            case DestroyOrder.AddressSpaceFirst:
                await ExitAsync(exit);
                await DestroyVmAsync(op, sharesAddressSpace: false);
                break;
            default:
                await Task.WhenAll(ExitAsync(exit), DestroyVmAsync(op, sharesAddressSpace: false).AsTask());
                break;
        }

        var vcpus = await Task.WhenAll(_vcpus.Select(vcpu => vcpu.CloseAsync().AsTask()));
        _vcpus.Clear();
        return vcpus;
    }

    /// <summary>The host keeps the last reports for the driver, who does not know yet that the VM is gone. A host that does not answer is
    /// gone too, and they with it.</summary>
    public async ValueTask LeaveReportsAsync(IReadOnlyList<ActorReport> last) => await GrainCall.OrLostAsync(false, async () =>
    {
        await Host.KeepLastReportsAsync(last);
        return true;
    });

    private async ValueTask DestroyVmAsync(Operation op, bool sharesAddressSpace)
    {
        if (Vm is not null) await Vm.Teardown.DestroyAsync(op, sharesAddressSpace);
    }

    private async Task ExitAsync(Operation op)
    {
        journal.Began(op.Id);
        await Host.ExitAddressSpaceAsync(OperationMessage.From(op), message.AddressSpaceId);
        journal.Ended(op.Id);
    }

    /// <summary>Calls of one actor to another may overtake each other, so a vCPU can be asked for a report or a flush before it is
    /// started.</summary>
    private async Task StartAsync(IVcpuGrain vcpu, int index, VcpuState? state)
    {
        for (var attempt = 0; !await vcpu.StartAsync(message, index, state); attempt++)
            if (attempt == StartAttempts)
                throw new InvalidOperationException(
                    $"vCPU {index} of {message.Options.Name} could not be started: its activation kept going away");
    }

    private AddressSpaceSpec AddressSpace()
    {
        var vmas = new List<VmaSpec>
        {
            new(new HvaRange(VmLayout.RamHva, message.RamPages), VmaKind.Ram, message.Mergeable),
            new(new HvaRange(VmLayout.ScratchHva, message.ScratchPages), VmaKind.Scratch),
        };
        if (message.HotplugPages > 0)
            vmas.Add(new VmaSpec(new HvaRange(VmLayout.HotplugHva, message.HotplugPages), VmaKind.Hotplug, message.Mergeable));
        return new AddressSpaceSpec(message.AddressSpaceId, vmas);
    }
}
