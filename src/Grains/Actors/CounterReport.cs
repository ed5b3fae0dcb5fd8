using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace Livebed.Grains.Actors;

/// <summary>
/// Turns counters (public long or int properties) into a table by name, "vm.faultRetries", so that a new counter needs no second place.
/// </summary>
internal static class CounterReport
{
    private static readonly ConcurrentDictionary<Type, (string Name, PropertyInfo Property)[]> Properties = new();

    public static void AddTo(Dictionary<string, long> table, string prefix, object counters)
    {
        var properties = Properties.GetOrAdd(counters.GetType(), type =>
            [.. type.GetProperties().Where(property => property.PropertyType == typeof(long) || property.PropertyType == typeof(int))
                .Select(property => (JsonNamingPolicy.CamelCase.ConvertName(property.Name), property))]);
        foreach (var (name, property) in properties)
            table[$"{prefix}.{name}"] = Convert.ToInt64(property.GetValue(counters), CultureInfo.InvariantCulture);
    }

    public static Dictionary<string, long> Of(string prefix, object counters)
    {
        var table = new Dictionary<string, long>(StringComparer.Ordinal);
        AddTo(table, prefix, counters);
        return table;
    }
}
