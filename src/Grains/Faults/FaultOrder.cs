using System.Text.Json;
using System.Text.Json.Serialization;

namespace Livebed.Grains.Faults;

/// <summary>
/// What a driver's nemesis says to a silo, a line of JSON each, and what the silo answers. The way is the silo's standard input and output:
/// a network that is cut in two, or a cluster that is about to fall apart, is no obstacle.
/// </summary>
/// <param name="Id">of the order; the answer has it</param>
public sealed record FaultOrder(int Id)
{
    private const string AnswerPrefix = "answer ";

    /// <summary>What the network does from now on; null leaves it as it is.</summary>
    public LinkOrders? Links { get; init; }

    /// <summary>What becomes of calls from now on; null leaves it as it is. The answer is how many were struck before.</summary>
    public CallOrders? Calls { get; init; }

    /// <summary>The answer is how many calls are struck by the order that holds.</summary>
    public bool CountsCalls { get; init; }

    /// <summary>A silo that shall be called; null calls none. The answer is how many microseconds it took.</summary>
    public string? Ping { get; init; }

    /// <summary>A silo whose process was killed: this one tells the cluster, so that nobody has to find it out. The answer is how many
    /// entries of the membership table said that it lived.</summary>
    public string? Dead { get; init; }

    /// <summary>How long the call may take.</summary>
    public int Milliseconds { get; init; }

    public string ToLine() => JsonSerializer.Serialize(this, FaultOrderJson.Default.FaultOrder);

    /// <summary>Null when the line is none.</summary>
    public static FaultOrder? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, FaultOrderJson.Default.FaultOrder);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <param name="id">of the order</param>
    /// <param name="number">what was asked for; null where a call had no answer, and where nothing was asked for</param>
    public static string Answer(int id, long? number) =>
        FormattableString.Invariant($"{AnswerPrefix}{id} {(number is { } told ? told : -1)}");

    /// <summary>The order and the number of <see cref="Answer"/>; null when the line is none.</summary>
    public static (int Id, long? Number)? ParseAnswer(string? line)
    {
        if (line is null || !line.StartsWith(AnswerPrefix, StringComparison.Ordinal)) return null;
        var words = line[AnswerPrefix.Length..].Split(' ');
        if (words.Length != 2 || !int.TryParse(words[0], out var id) || !long.TryParse(words[1], out var told)) return null;
        return (id, told < 0 ? null : told);
    }
}

[JsonSerializable(typeof(FaultOrder))]
internal sealed partial class FaultOrderJson : JsonSerializerContext;
