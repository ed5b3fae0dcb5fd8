using System.Text.Json;
using System.Text.Json.Serialization;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Contracts;

/// <summary>An operation on its way to another actor and back: id, kind and the lock classes that it holds.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.operation")]
public readonly record struct OperationMessage(
    [property: Id(0)] long OperationId, [property: Id(1)] byte KindNumber, [property: Id(2)] ulong HeldRead,
    [property: Id(3)] ulong HeldWrite)
{
    /// <exception cref="ArgumentOutOfRangeException">No kind has the number.</exception>
    public OperationKind Kind => OperationKinds.Numbered(KindNumber);

    public HeldLocks Held => new(HeldRead, HeldWrite);

    public static OperationMessage From(Operation op) => new(op.Id.Value, op.Kind.Number, op.Held.Read, op.Held.Write);

    public Operation ToOperation() => new(new OperationId(OperationId), Kind, Held);
}

/// <summary>A kind of operation in a control message is its name; a name that no such kind has is refused.</summary>
internal sealed class OperationKindJson<T> : JsonConverter<T> where T : OperationKind
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        OperationKinds.Find(reader.GetString()!) as T ?? throw new JsonException($"'{reader.GetString()}' is no {typeof(T).Name}");

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(value.Name);
}
