using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary><see cref="IStreamPort"/> by grain calls: what a migration asks of a process of the host, named by its address
/// space.</summary>
[Alias("livebed.host.streams")]
public interface IHostStreamsGrain : IGrainWithStringKey
{
    /// <param name="op">the operation</param>
    /// <param name="addressSpace">the address space of the pages</param>
    /// <param name="stream">its number</param>
    /// <param name="destination">host that they go to</param>
    /// <param name="destinationAddressSpace">where they are stored there</param>
    /// <param name="bandwidth">the largest rate of the stream</param>
    /// <param name="faults">faults of the network on the way</param>
    ValueTask OpenStreamAsync(
        OperationMessage op, int addressSpace, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth,
        MigrationFaults faults);

    ValueTask CloseStreamAsync(OperationMessage op, int addressSpace, long stream);

    [ResponseTimeout("00:10:00")]
    ValueTask<SendResult> SendPagesAsync(OperationMessage op, int addressSpace, BatchMessage batch);

    /// <summary>Where another host connects to send pages of this address space; null when it, or the host, is not there.</summary>
    ValueTask<PageEndpoint?> IncomingPagesAsync(int addressSpace);

    ValueTask<PageSet> TakeDiscardedAsync(OperationMessage op, int addressSpace, HvaRange range);

    ValueTask FreezeAsync(OperationMessage op, int addressSpace, bool frozen);

    [ResponseTimeout("00:10:00")]
    ValueTask<WordsMessage> ImageAsync(OperationMessage op, int addressSpace, HvaRange range);

    ValueTask<WordsMessage> SaveOracleAsync(OperationMessage op, int addressSpace, HvaRange range);

    ValueTask LoadOracleAsync(OperationMessage op, int addressSpace, HvaRange range, WordsMessage newest);

    ValueTask BeginIncomingAsync(OperationMessage op, int addressSpace, long stream, long epoch);

    /// <summary>What is missing from here on is asked of the VM <paramref name="vmKey"/>.</summary>
    [ResponseTimeout("00:10:00")]
    ValueTask<long> EnterPostcopyAsync(
        OperationMessage op, int addressSpace, long stream, PageSet[] discard, string vmKey, int vcpus);

    ValueTask<PageSet> MissingAsync(OperationMessage op, int addressSpace, HvaRange range);

    ValueTask<PostcopyBlocktime> EndIncomingAsync(OperationMessage op, int addressSpace, long stream);

    ValueTask<long> PagesHeldAsync(OperationMessage op, int addressSpace);
}

/// <summary>A VM's way to its own host in a migration, by grain calls. Without its host a VM is nothing, so a host that does not answer is
/// no outcome here but a failure.</summary>
internal sealed class GrainStreamPort(IHostMmuGrain host, int addressSpace, string vmKey) : IStreamPort
{
    private readonly IHostStreamsGrain _host = host.AsReference<IHostStreamsGrain>();

    /// <summary>What the network does to the streams that are opened from now on.</summary>
    public MigrationFaults Faults { get; set; } = MigrationFaults.None;

    public ValueTask OpenStreamAsync(
        Operation op, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth) =>
        _host.OpenStreamAsync(
            OperationMessage.From(op), addressSpace, stream, destination, destinationAddressSpace, bandwidth, Faults);

    public ValueTask CloseStreamAsync(Operation op, long stream) =>
        _host.CloseStreamAsync(OperationMessage.From(op), addressSpace, stream);

    public ValueTask<SendResult> SendAsync(Operation op, ChunkHeader header, PageSet batch) =>
        _host.SendPagesAsync(OperationMessage.From(op), addressSpace, BatchMessage.From(header, batch));

    public ValueTask<PageSet> TakeDiscardedAsync(Operation op, HvaRange range) =>
        _host.TakeDiscardedAsync(OperationMessage.From(op), addressSpace, range);

    public ValueTask FreezeAsync(Operation op, bool frozen) => _host.FreezeAsync(OperationMessage.From(op), addressSpace, frozen);

    public async ValueTask<ulong[]> ImageAsync(Operation op, HvaRange range) =>
        (await _host.ImageAsync(OperationMessage.From(op), addressSpace, range)).ToWords();

    public async ValueTask<ulong[]> SaveOracleAsync(Operation op, HvaRange range) =>
        (await _host.SaveOracleAsync(OperationMessage.From(op), addressSpace, range)).ToWords();

    public ValueTask LoadOracleAsync(Operation op, HvaRange range, ReadOnlyMemory<ulong> newest) =>
        _host.LoadOracleAsync(OperationMessage.From(op), addressSpace, range, new WordsMessage(newest));

    public ValueTask BeginIncomingAsync(Operation op, long stream, long epoch) =>
        _host.BeginIncomingAsync(OperationMessage.From(op), addressSpace, stream, epoch);

    /// <summary>The host asks this grain's VM for what is missing, and the VM asks the handler: it is <paramref name="faults"/> by another
    /// way.</summary>
    public ValueTask<long> EnterPostcopyAsync(
        Operation op, long stream, IReadOnlyList<PageSet> discard, IUserFaultHandler faults, int vcpus) =>
        _host.EnterPostcopyAsync(OperationMessage.From(op), addressSpace, stream, [.. discard], vmKey, vcpus);

    public ValueTask<PageSet> MissingAsync(Operation op, HvaRange range) =>
        _host.MissingAsync(OperationMessage.From(op), addressSpace, range);

    public ValueTask<PostcopyBlocktime> EndIncomingAsync(Operation op, long stream) =>
        _host.EndIncomingAsync(OperationMessage.From(op), addressSpace, stream);

    public ValueTask<long> PagesHeldAsync(Operation op) => _host.PagesHeldAsync(OperationMessage.From(op), addressSpace);
}

/// <summary>A host's way to the user space that a page is missing for. If that does not answer, the page still comes with the pages that
/// are pushed.</summary>
internal sealed class GrainUserFaults(IVmGrain vm) : IUserFaultHandler
{
    public async ValueTask PageMissingAsync(Operation op, Hva hva) => await GrainCall.OrLostAsync(false, async () =>
    {
        await vm.PageMissingAsync(OperationMessage.From(op), hva);
        return true;
    });
}

/// <summary>The host's half of these calls.</summary>
internal sealed partial class HostMmuGrain : IHostStreamsGrain
{
    public ValueTask OpenStreamAsync(
        OperationMessage op, int addressSpace, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth,
        MigrationFaults faults)
    {
        var process = Host.Process(addressSpace);
        if (process.AddressSpace is not null)
            process.OpenStream(
                stream, destination, Connections.LinkOf(addressSpace, stream, destination, destinationAddressSpace, faults), bandwidth);
        return ValueTask.CompletedTask;
    }

    public async ValueTask CloseStreamAsync(OperationMessage op, int addressSpace, long stream)
    {
        await Host.Process(addressSpace).CloseStreamAsync(op.ToOperation(), stream);
        Connections.CloseLink(addressSpace, stream);
    }

    public ValueTask<SendResult> SendPagesAsync(OperationMessage op, int addressSpace, BatchMessage batch) =>
        Host.Process(addressSpace).SendAsync(op.ToOperation(), batch.Header, batch.Pages);

    public ValueTask<PageEndpoint?> IncomingPagesAsync(int addressSpace) =>
        ValueTask.FromResult(
            _host?.Process(addressSpace) is { AddressSpace: not null } process ? Connections.EndpointOf(process) : default(PageEndpoint?));

    public ValueTask<PageSet> TakeDiscardedAsync(OperationMessage op, int addressSpace, HvaRange range) =>
        Host.Process(addressSpace).TakeDiscardedAsync(op.ToOperation(), range);

    public ValueTask FreezeAsync(OperationMessage op, int addressSpace, bool frozen) =>
        Host.Process(addressSpace).FreezeAsync(op.ToOperation(), frozen);

    public async ValueTask<WordsMessage> ImageAsync(OperationMessage op, int addressSpace, HvaRange range) =>
        new(await Host.Process(addressSpace).ImageAsync(op.ToOperation(), range));

    public async ValueTask<WordsMessage> SaveOracleAsync(OperationMessage op, int addressSpace, HvaRange range) =>
        new(await Host.Process(addressSpace).SaveOracleAsync(op.ToOperation(), range));

    public ValueTask LoadOracleAsync(OperationMessage op, int addressSpace, HvaRange range, WordsMessage newest) =>
        Host.Process(addressSpace).LoadOracleAsync(op.ToOperation(), range, newest.Words);

    public ValueTask BeginIncomingAsync(OperationMessage op, int addressSpace, long stream, long epoch) =>
        Host.Process(addressSpace).BeginIncomingAsync(op.ToOperation(), stream, epoch);

    public ValueTask<long> EnterPostcopyAsync(
        OperationMessage op, int addressSpace, long stream, PageSet[] discard, string vmKey, int vcpus) =>
        Host.Process(addressSpace).EnterPostcopyAsync(
            op.ToOperation(), stream, discard, new GrainUserFaults(GrainFactory.GetGrain<IVmGrain>(vmKey)), vcpus);

    public ValueTask<PageSet> MissingAsync(OperationMessage op, int addressSpace, HvaRange range) =>
        Host.Process(addressSpace).MissingAsync(op.ToOperation(), range);

    public ValueTask<PostcopyBlocktime> EndIncomingAsync(OperationMessage op, int addressSpace, long stream) =>
        _host?.Process(addressSpace).EndIncomingAsync(op.ToOperation(), stream) ?? ValueTask.FromResult(PostcopyBlocktime.None);

    public ValueTask<long> PagesHeldAsync(OperationMessage op, int addressSpace) =>
        Host.Process(addressSpace).PagesHeldAsync(op.ToOperation());
}
