using System.Text.Json;
using System.Text.Json.Serialization;

namespace Livebed.Driver.Results;

/// <summary>Enums of results.json are kebab-case words, and numbers are refused.</summary>
internal sealed class KebabCase<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) where T : struct, Enum;
