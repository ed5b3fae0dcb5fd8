using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>A VM's way to its own host in a migration, by grain calls. Without its host a VM is nothing, so a host that does not answer is
/// no outcome here but a failure.</summary>
internal sealed class GrainStreamPort(IHostMmuGrain host, int addressSpace, string vmKey) : IStreamPort
{
    /// <summary>What the network does to the streams that are opened from now on.</summary>
    public MigrationFaults Faults { get; set; } = MigrationFaults.None;

    public ValueTask OpenStreamAsync(
        Operation op, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth) =>
        host.OpenStreamAsync(
            OperationMessage.From(op), addressSpace, stream, destination, destinationAddressSpace, bandwidth, Faults);

    public ValueTask CloseStreamAsync(Operation op, long stream) => host.CloseStreamAsync(OperationMessage.From(op), addressSpace, stream);

    public ValueTask<SendResult> SendAsync(Operation op, ChunkHeader header, PageSet batch) =>
        host.SendPagesAsync(OperationMessage.From(op), addressSpace, BatchMessage.From(header, batch));

    public ValueTask<PageSet> TakeDiscardedAsync(Operation op, HvaRange range) => host.TakeDiscardedAsync(addressSpace, range);

    public ValueTask FreezeAsync(Operation op, bool frozen) => host.FreezeAsync(OperationMessage.From(op), addressSpace, frozen);

    public async ValueTask<ulong[]> ImageAsync(Operation op, HvaRange range) =>
        (await host.ImageAsync(OperationMessage.From(op), addressSpace, range)).ToWords();

    public async ValueTask<ulong[]> SaveOracleAsync(Operation op, HvaRange range) =>
        (await host.SaveOracleAsync(addressSpace, range)).ToWords();

    public ValueTask LoadOracleAsync(Operation op, HvaRange range, ReadOnlyMemory<ulong> newest) =>
        host.LoadOracleAsync(addressSpace, range, new WordsMessage(newest));

    public ValueTask BeginIncomingAsync(Operation op, long stream, long epoch) => host.BeginIncomingAsync(addressSpace, stream, epoch);

    /// <summary>The host asks this grain's VM for what is missing, and that the handler: it is <paramref name="faults"/> by another
    /// way.</summary>
    public ValueTask<long> EnterPostcopyAsync(
        Operation op, long stream, IReadOnlyList<PageSet> discard, IUserFaultHandler faults, int vcpus) =>
        host.EnterPostcopyAsync(OperationMessage.From(op), addressSpace, stream, [.. discard], vmKey, vcpus);

    public ValueTask<PageSet> MissingAsync(Operation op, HvaRange range) => host.MissingAsync(addressSpace, range);

    public ValueTask<PostcopyBlocktime> EndIncomingAsync(Operation op, long stream) => host.EndIncomingAsync(addressSpace, stream);

    public ValueTask<long> PagesHeldAsync(Operation op) => host.PagesHeldAsync(OperationMessage.From(op), addressSpace);
}

/// <summary>A host's way to the user space that a page is missing for. If that does not answer, the page still comes with the pages that
/// are pushed.</summary>
internal sealed class GrainUserFaults(IVmGrain vm) : IUserFaultHandler
{
    public async ValueTask PageMissingAsync(Operation op, Hva hva) => await GrainCall.OrLostAsync(false, async () =>
    {
        await vm.PageMissingAsync(OperationMessage.From(op), hva.Value);
        return true;
    });
}
