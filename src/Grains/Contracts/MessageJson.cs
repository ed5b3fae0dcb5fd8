using System.Collections;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Contracts;

/// <summary>
/// How the model's records cross as JSON. Reports leave out what is zero, empty or null, which is most of them: a driver that asks for the
/// reports of ten thousand VMs is busy with little else.
/// </summary>
internal static class MessageJson
{
    /// <summary>Each is made with zeroes and empty lists, so that what is left out is read as it was.</summary>
    internal static readonly IReadOnlySet<Type> Sparse = new HashSet<Type>
    {
        typeof(ActorReport), typeof(ActorCounters), typeof(VmCounters), typeof(VcpuCounters), typeof(LockStatistics),
    };

    public static JsonSerializerOptions Options { get; } = new()
    {
        Converters = { new OperationKindJson<OperationKind>(), new OperationKindJson<HostEventKind>() },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { LeaveOut } },
    };

    private static void LeaveOut(JsonTypeInfo type)
    {
        if (!Sparse.Contains(type.Type)) return;
        foreach (var property in type.Properties.Where(property => !property.IsRequired))
            property.ShouldSerialize = static (_, value) => value switch
            {
                null or 0L or 0UL or 0.0 => false,
                ICollection { Count: 0 } => false,
                _ => true,
            };
    }
}
