using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Wire;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>
/// The page connections of one host grain: a link for each outgoing stream, a chunk handler for each address space that receives pages. An
/// incoming chunk runs as a turn of the grain, like a call. Belongs to the grain's turns.
/// </summary>
internal sealed class HostConnections(PageWire wire, IGrainFactory grains, ActorJournal journal)
{
    private readonly Dictionary<(int AddressSpace, long Stream), SocketPageLink> _links = [];
    private readonly Dictionary<int, PageEndpoint> _endpoints = [];

    /// <summary>The way of a stream to another host's address space; the same one if it is asked for again.</summary>
    public IPageLink LinkOf(int addressSpace, long stream, string destination, int destinationAddressSpace, MigrationFaults faults)
    {
        if (_links.TryGetValue((addressSpace, stream), out var link)) return link;
        var host = grains.GetGrain<IHostStreamsGrain>(destination);
        link = new SocketPageLink(
            wire, () => GrainCall.OrLostAsync(default(PageEndpoint?), () => host.IncomingPagesAsync(destinationAddressSpace)),
            faults.AreOfLink ? new PageLinkFaults(faults, (id, cut) => BreakAsync(id, stream, destination, cut)) : null,
            ActorKeys.Silo(ActorKeys.Parse(destination).Index));
        _links.Add((addressSpace, stream), link);
        return link;
    }

    private async Task BreakAsync(OperationId id, long stream, string destination, Func<int> cut) => await journal.RunAsync(
        new Operation(id, OperationKind.LinkBreak), () => ValueTask.FromResult(cut()),
        connections => ("ok", $"stream {stream} to {destination}, {connections} connections cut"));

    /// <summary>After the stream itself, which waits for what is under way.</summary>
    public void CloseLink(int addressSpace, long stream)
    {
        if (_links.Remove((addressSpace, stream), out var link)) link.Dispose();
    }

    /// <summary>Where the address space's pages are taken, from the first question on until it exits.</summary>
    public PageEndpoint EndpointOf(HostProcess process)
    {
        if (_endpoints.TryGetValue(process.Id, out var endpoint)) return endpoint;
        var turns = TaskScheduler.Current;
        return _endpoints[process.Id] = wire.Open((op, chunk, isIntact) => Task.Factory.StartNew(
            () => process.ReceiveAsync(op.ToOperation(), chunk, isIntact).AsTask(), CancellationToken.None, TaskCreationOptions.None, turns)
            .Unwrap());
    }

    /// <summary>The address space is gone: its chunks under way are given up, and none is accepted for it.</summary>
    public void Exit(int addressSpace)
    {
        if (_endpoints.Remove(addressSpace, out var endpoint)) wire.Close(endpoint.Token);
        foreach (var key in _links.Keys.Where(key => key.AddressSpace == addressSpace).ToList()) CloseLink(addressSpace, key.Stream);
    }
}
