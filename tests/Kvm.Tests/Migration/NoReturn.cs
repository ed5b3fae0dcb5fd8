using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Migration;

/// <summary>A source that does not answer.</summary>
internal sealed class NoReturn : IMigrationReturnPath
{
    public ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva) => ValueTask.FromResult(StreamStatus.Lost);
}
