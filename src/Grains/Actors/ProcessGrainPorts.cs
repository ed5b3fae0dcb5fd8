using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Paging;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>The way of a VM's process to its host, by grain calls, and to the journal of its grain.</summary>
/// <param name="host">the host's grain</param>
/// <param name="journal">the VM grain's</param>
/// <param name="message">the VM</param>
/// <param name="ids">of what the process does beside its commands</param>
/// <param name="closedUnasked">what the grain does when the process has closed without a command</param>
internal sealed class ProcessGrainPort(
    IHostMmuGrain host, ActorJournal journal, VmMessage message, OperationIds ids, Func<ValueTask> closedUnasked)
    : IProcessPort
{
    public Operation NewOperation(OperationKind kind) => new(ids.Next(), kind);

    public ValueTask<StreamStatus> TryCreateAsync(Operation op) =>
        host.CreateAddressSpaceAsync(OperationMessage.From(op), AddressSpace(), message.RefusesNonBlockable);

    public async ValueTask ExitAsync(Operation op)
    {
        journal.Began(op.Id);
        await host.ExitAddressSpaceAsync(OperationMessage.From(op), message.AddressSpaceId);
        journal.Ended(op.Id);
    }

    public async ValueTask<MigrationInfo> RunUnaskedAsync(Operation op, Func<ValueTask<MigrationInfo>> work) =>
        await journal.RunAsync(op, work, info => (
            info.Status == MigrationStatus.Completed ? "ok" : "fail", $"{message.Options.Name}: {info.Status} {info.Reason}"));

    public ValueTask ClosedUnaskedAsync() => closedUnasked();

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

/// <summary>The vCPUs of a VM grain, each a grain of its own; all of them are asked at once.</summary>
/// <param name="grains">the cluster</param>
/// <param name="key">the VM's grain</param>
/// <param name="message">the VM</param>
internal sealed class VcpuGrainThreads(IGrainFactory grains, string key, VmMessage message) : IVcpuThreads
{
    private readonly List<IVcpuGrain> _vcpus = [];

    /// <summary>Those that run; none when they are closed.</summary>
    public IReadOnlyList<IVcpuGrain> Grains => _vcpus;

    /// <summary>Known when they are closed.</summary>
    public ActorReport[] LastReports { get; private set; } = [];

    public async ValueTask StartAsync(Operation op, Vm vm, IReadOnlyList<VcpuState>? states)
    {
        for (var index = 0; index < message.Vcpus; index++)
        {
            var vcpu = grains.GetGrain<IVcpuGrain>(ActorKeys.Vcpu(key, index));
            _vcpus.Add(vcpu);
            vm.Vcpus.Add(new VcpuGrainPort(vcpu));
        }

        await Task.WhenAll(_vcpus.Select((vcpu, index) => StartAsync(vcpu, index, states?.Single(state => state.Index == index))));
    }

    public async ValueTask StopAsync(Operation op) =>
        await Task.WhenAll(_vcpus.Select(vcpu => vcpu.StopAsync(OperationMessage.From(op)).AsTask()));

    public async ValueTask CloseAsync(Operation op)
    {
        LastReports = await Task.WhenAll(_vcpus.Select(vcpu => vcpu.CloseAsync().AsTask()));
        _vcpus.Clear();
    }

    /// <summary>Calls of one actor to another may overtake each other, so a vCPU can be asked for a report or a flush before it is
    /// started.</summary>
    private async Task StartAsync(IVcpuGrain vcpu, int index, VcpuState? state)
    {
        if (!await ActorStart.TryAsync(() => vcpu.StartAsync(message, index, state)))
            throw new InvalidOperationException(
                $"vCPU {index} of {message.Options.Name} could not be started: its activation kept going away");
    }
}
