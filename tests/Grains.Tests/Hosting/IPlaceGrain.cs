namespace Livebed.Grains.Tests.Hosting;

/// <summary>A grain of the tests that lives where its key says.</summary>
[Alias("Livebed.Tests.IPlaceGrain")]
public interface IPlaceGrain : IGrainWithStringKey
{
    [Alias("WhereAsync")]
    Task<string> WhereAsync();

    /// <summary>Calls the grains with these keys in turn, each of which calls the rest.</summary>
    [Alias("RelayAsync")]
    Task<string> RelayAsync(string[] keys);

    /// <exception cref="NotSupportedException">always</exception>
    [Alias("FailAsync")]
    Task FailAsync();

    /// <summary>Never returns.</summary>
    [Alias("HangAsync")]
    Task HangAsync();

    /// <summary>Yields through a ClusterWorld while another turn waits; how long it stood in the queue, and what ran meanwhile.</summary>
    [Alias("YieldWhileQueuedAsync")]
    Task<YieldReport> YieldWhileQueuedAsync();
}
