using System.Diagnostics;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>An operation's stay at one actor; see <see cref="TelemetryObserver.Enter"/>.</summary>
public readonly struct OperationScope : IDisposable
{
    private readonly TelemetryObserver? _observer;
    private readonly OperationId _operation;
    private readonly ActivityContext _outer;
    private readonly long _event;

    internal OperationScope(TelemetryObserver observer, OperationId operation, ActivityContext outer, long hostEvent)
    {
        _observer = observer;
        _operation = operation;
        _outer = outer;
        _event = hostEvent;
    }

    public void Dispose() => _observer?.Leave(_operation, _outer, _event);
}
