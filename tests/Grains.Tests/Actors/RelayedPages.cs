using System.Collections.Concurrent;
using Livebed.Grains.Contracts;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Who asks a host where it takes pages is told of the relay that a test has put before it.</summary>
internal sealed class RelayedPages : IIncomingGrainCallFilter
{
    private readonly ConcurrentDictionary<string, PageRelay> _relays = new();

    /// <summary>Page connections to the host that are made from now on go through the relay.</summary>
    public void Through(string hostKey, PageRelay relay) => _relays[hostKey] = relay;

    public async Task Invoke(IIncomingGrainCallContext context)
    {
        await context.Invoke();
        if (context.MethodName == nameof(IHostMmuGrain.IncomingPagesAsync) && _relays.TryGetValue(context.TargetId.Key.ToString()!, out var relay)
            && context.Result is PageEndpoint endpoint)
            context.Result = (PageEndpoint?)relay.Through(endpoint);
    }
}
