using Microsoft.Extensions.Hosting;

namespace Livebed.Grains.Hosting;

/// <summary>
/// A host's lifetime that listens to no signal. The default one stops its host at Ctrl-C, so the silos of a driver's process would be gone
/// before the driver, who takes the signal too, has asked them for their last reports. Who has the process decides when they stop.
/// </summary>
internal sealed class NoSignals : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
