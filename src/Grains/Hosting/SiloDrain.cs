using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Livebed.Grains.Hosting;

/// <summary>A silo that was asked to end, before it does.</summary>
public static class SiloDrain
{
    /// <summary>Waits until the driver of the run has moved the silo's VMs to other hosts.</summary>
    /// <param name="host">the silo's</param>
    /// <param name="patience">how long it may take</param>
    /// <returns>VMs that are lost with the silo</returns>
    public static Task<int> DrainAsync(this IHost host, TimeSpan patience)
    {
        ArgumentNullException.ThrowIfNull(host);
        return host.Services.GetRequiredService<RunLease>().DrainAsync(patience);
    }
}
