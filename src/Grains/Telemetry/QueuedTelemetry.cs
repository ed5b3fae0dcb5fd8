using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Telemetry of a host that waits for its exporter. It is sent before the host stops and has time of its own: a stop that takes all of
/// its time would leave it none, and the last spans, those of the tear-down, would reach no collector.
/// </summary>
internal interface IQueuedTelemetry
{
    /// <summary>Sends what is queued and ends the export, within <see cref="OtlpEndpoint.PatienceMilliseconds"/>: by itself a provider
    /// would wait five seconds and more for a collector that does not answer. Again: nothing.</summary>
    Task SendAsync();
}

/// <summary>Metrics whose period is not over.</summary>
internal sealed class QueuedMetrics(IServiceProvider services) : IQueuedTelemetry
{
    public Task SendAsync() => Task.Run(() => services.GetService<MeterProvider>()?.Shutdown(OtlpEndpoint.PatienceMilliseconds));
}

/// <summary>A host's last lines of log.</summary>
internal sealed class QueuedLog(IServiceProvider services) : IQueuedTelemetry
{
    public Task SendAsync() => Task.Run(() => services.GetService<LoggerProvider>()?.Shutdown(OtlpEndpoint.PatienceMilliseconds));
}
